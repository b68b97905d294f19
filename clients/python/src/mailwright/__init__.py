"""Client of Mailwright, a self-hosted email-sending service.

:class:`Client` connects, :meth:`Client.send` repeats safely, :meth:`Client.watch` loses nothing, and
:class:`MailwrightError` says why. Messages and enums are in :mod:`mailwright.v1`.
"""

from .client import Client, Watch
from .error import MailwrightError

__all__ = ["Client", "MailwrightError", "Watch"]
