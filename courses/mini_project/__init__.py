"""The mini-project: a new architecture for the learner's own application, on a board."""

from courses.mini_project.baseline import scaling
from courses.mini_project.examples import Examples, load_examples
from courses.mini_project.project import Project, read_project
from courses.mini_project.report import test_data, write_tables

__all__ = [
    "Examples",
    "Project",
    "load_examples",
    "read_project",
    "scaling",
    "test_data",
    "write_tables",
]
