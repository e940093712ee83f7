"""Published studies, rerun: each prints its numbers beside ours.

A study is a module with `run(table, size, seeds, progress) -> StudyReport`.
"""

from types import ModuleType

from hydroda.studies import sakov2008

STUDIES: dict[str, ModuleType] = {"sakov2008": sakov2008}
