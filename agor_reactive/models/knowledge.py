"""The knowledge base: documents with versions and index status, in namespaces with permissions."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field

from agor_reactive.models.base import ArchivedRow, Json, WireModel

__all__ = ["IndexingChunks", "IndexingStatus", "KnowledgeDocument", "KnowledgeNamespace", "KnowledgeVersion"]


class IndexingChunks(WireModel):
    """The number of a document's chunks in each state."""

    ready: int | float = 0
    pending: int | float = 0
    stale: int | float = 0
    error: int | float = 0
    not_configured: int | float = 0


class IndexingStatus(WireModel):
    """The index status of a document: `state` is ``empty not_configured queued ready stale error mixed``."""

    state: str = ""
    chunks: IndexingChunks | None = None
    total_units: int | float = 0
    queue_depth: int | float = 0
    embedding_model: str | None = None
    embedding_dimensions: int | float | None = None
    last_error: str | None = None
    last_updated_at: str | None = None


class KnowledgeDocument(ArchivedRow):
    """One document, without its text (see `KnowledgeVersion`).

    `kind` is ``doc memory skill prompt guide decision bundle external``, `status` ``draft`` or ``published``,
    `visibility` ``public`` or ``private``, `edit_policy` ``owner public admins``.
    """

    document_id: str
    namespace_id: str = ""
    path: str = ""
    uri: str = ""
    url: str | None = None
    title: str = ""
    icon_emoji: str | None = None
    kind: str = ""
    status: str = ""
    visibility: str | None = None
    edit_policy: str | None = None
    current_version_id: str | None = None
    indexing_status: IndexingStatus | None = None
    metadata: Annotated[Any, Json] = None
    updated_by: str | None = None


class KnowledgeVersion(WireModel):
    """One version of a document's text."""

    version_id: str
    document_id: str = ""
    version_number: int | float = 0
    mime_type: str = ""
    content_text: str | None = Field(default=None, repr=False)
    content_blob: Annotated[Any, Json] = Field(default=None, repr=False)
    content_md5: str | None = None
    content_sha256: str | None = None
    byte_length: int | float | None = None
    char_length: int | float | None = None
    frontmatter: Annotated[Any, Json] = None
    metadata: Annotated[Any, Json] = None
    change_summary: str | None = None
    created_by: str | None = None
    created_at: str = ""


class KnowledgeNamespace(ArchivedRow):
    """A namespace of documents: `kind` is ``system global user repo branch team``.

    `others_can` is ``none read write``; `effective_permission` is the caller's access (``none read write own``).
    """

    namespace_id: str
    slug: str = ""
    display_name: str = ""
    description: str | None = None
    kind: str = ""
    visibility_default: str | None = None
    others_can: str | None = None
    effective_permission: str | None = None
    owner_user_id: str | None = None
    repo_id: str | None = None
    branch_id: str | None = None
    metadata: Annotated[Any, Json] = None
