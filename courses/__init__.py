"""The ten sessions: theory, a lesson that ends on a device, exercises with a grader."""

from courses.deployment import export
from courses.record import write_metrics
from courses.sessions import SESSIONS, Session, find_session
from courses.settings import Settings, settings
from courses.timing import timed

__all__ = [
    "SESSIONS",
    "Session",
    "Settings",
    "export",
    "find_session",
    "settings",
    "timed",
    "write_metrics",
]
