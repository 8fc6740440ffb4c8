"""What a handle shows at the end of a line, where no notebook is."""

from __future__ import annotations

from agor_reactive.adapters.display import summary
from tests.core.build import SID
from tests.session.world import World


async def test_a_handle_shows_a_summary_where_there_is_no_notebook() -> None:
    world = World()
    await world.link.open()
    async with world.registry.retain(SID) as handle:
        await handle.ready()
        bundle = handle._repr_mimebundle_()
        assert set(bundle) == {"text/plain"}
        assert "completed" in bundle["text/plain"]
        assert "\x1b" not in summary(handle)
        assert "\x1b" in summary(handle, colours=True)
        assert repr(handle).startswith("<SessionHandle ")
