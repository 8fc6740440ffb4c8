"""Profiles: named daemons with their keys, as `agor-reactive login` stores them, and what a client uses by default."""

from __future__ import annotations

from agor_reactive.profiles.ambient import DEFAULT_PROFILE, PROFILE_ENV, Target, resolve
from agor_reactive.profiles.store import Profile, config_folder, forget, key_of, profiles, save

__all__ = [
    "DEFAULT_PROFILE",
    "PROFILE_ENV",
    "Profile",
    "Target",
    "config_folder",
    "forget",
    "key_of",
    "profiles",
    "resolve",
    "save",
]
