"""Published studies, rerun: each prints its numbers beside ours."""

STUDIES: dict[str, object] = {}
