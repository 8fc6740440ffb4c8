"""Artifacts: small web applications that agents build and that run in the browser, next to a board."""

from __future__ import annotations

from typing import Annotated, Any

from agor_reactive.models.base import ArchivedRow, CamelModel, FrozenMap, Json, WireModel

__all__ = ["AgorGrants", "AgorRuntime", "Artifact", "Sandpack", "SandpackOptions", "SandpackSetup"]


class AgorGrants(WireModel):
    """The parts of Agor that an artifact may use."""

    agor_api_url: bool | None = None
    agor_artifact_id: bool | None = None
    agor_board_id: bool | None = None
    agor_proxies: tuple[str, ...] = ()
    agor_token: bool | None = None
    agor_user_email: bool | None = None


class AgorRuntime(WireModel):
    """Whether Agor's own runtime is loaded into the artifact."""

    enabled: bool | None = None


class SandpackSetup(CamelModel):
    """Packages and entry point of the browser's bundler."""

    dependencies: FrozenMap[str] | None = None
    dev_dependencies: FrozenMap[str] | None = None
    entry: str | None = None
    environment: str | None = None


class SandpackOptions(CamelModel):
    """The options of the editor and preview. `recompile_delay` is in milliseconds."""

    active_file: str | None = None
    visible_files: tuple[str, ...] = ()
    start_route: str | None = None
    init_mode: str | None = None
    layout: str | None = None
    auto_reload: bool | None = None
    autorun: bool | None = None
    recompile_mode: str | None = None
    recompile_delay: int | float | None = None
    closable_tabs: bool | None = None
    show_console: bool | None = None
    show_console_button: bool | None = None
    show_inline_errors: bool | None = None
    show_line_numbers: bool | None = None
    show_navigator: bool | None = None
    show_refresh_button: bool | None = None
    show_tabs: bool | None = None
    classes: FrozenMap[str] | None = None


class Sandpack(CamelModel):
    """Settings of the browser's bundler; `theme` is a name or an object."""

    template: str | None = None
    theme: Annotated[Any, Json] = None
    options: SandpackOptions | None = None
    custom_setup: SandpackSetup | None = None


class Artifact(ArchivedRow):
    """One artifact. `build_status` is ``unknown checking success error``; `files` maps paths to their text."""

    artifact_id: str
    board_id: str = ""
    branch_id: str | None = None
    worktree_id: str | None = None
    name: str = ""
    description: str | None = None
    path: str | None = None
    entry: str | None = None
    template: str | None = None
    files: FrozenMap[str] | None = None
    dependencies: FrozenMap[str] | None = None
    required_env_vars: tuple[str, ...] = ()
    sandpack_config: Sandpack | None = None
    agor_grants: AgorGrants | None = None
    agor_runtime: AgorRuntime | None = None
    build_status: str | None = None
    build_errors: tuple[str, ...] = ()
    content_hash: str | None = None
    public: bool | None = None
    url: str | None = None
    fullscreen_url: str | None = None
