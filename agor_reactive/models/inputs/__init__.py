"""The payloads of create, patch and the routes, as TypedDicts with wire names, so that editors complete them.

A service accepts these or any other mapping, since daemons accept more than is known here. ``…Create`` are the fields
of a new row, ``…Patch`` the changeable fields. Fields that the daemon sets are omitted.
"""

from __future__ import annotations

# Each module names in its `__all__` what belongs to this package.
from agor_reactive.models.inputs.boards import *  # noqa: F403
from agor_reactive.models.inputs.conversation import *  # noqa: F403
from agor_reactive.models.inputs.tools import *  # noqa: F403
from agor_reactive.models.inputs.users import *  # noqa: F403
from agor_reactive.models.inputs.workspaces import *  # noqa: F403
