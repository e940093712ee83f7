"""Published studies, rerun: each prints its numbers beside ours.

A study is a module with `run(table, size, seeds, progress, out, forcing) -> StudyReport`.
"""

from types import ModuleType

from hydroda.studies import dan2020, sakov2008

STUDIES: dict[str, ModuleType] = {"sakov2008": sakov2008, "dan2020": dan2020}
