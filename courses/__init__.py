"""The ten sessions: theory, a lesson that ends on a device, exercises with a grader."""

from courses.metrics import write_metrics
from courses.sessions import SESSIONS, Session, find_session
from courses.settings import settings

__all__ = ["SESSIONS", "Session", "find_session", "settings", "write_metrics"]
