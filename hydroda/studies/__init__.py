"""Published studies, rerun: each prints its numbers beside ours.

A study is a module with `run(table, size, seeds, progress, out, forcing, data) -> StudyReport`.
"""

from types import ModuleType

from hydroda.studies import bondville1998, dan2020, li2025, littlewashita, sakov2008, verification

STUDIES: dict[str, ModuleType] = {
    "sakov2008": sakov2008,
    "dan2020": dan2020,
    "li2025": li2025,
    "bondville1998": bondville1998,
    "littlewashita": littlewashita,
    "verification": verification,
}
