"""What `adapters.ipywidgets` uses of other packages beyond their documentation; see tests/test_package_internals.py."""

from __future__ import annotations

import anywidget
import ipykernel.ipkernel
import ipywidgets
from IPython.core.interactiveshell import InteractiveShell


def test_the_bundle_of_a_widget_is_made_by_a_method_that_views_extend() -> None:
    assert callable(anywidget.AnyWidget._repr_mimebundle_)
    assert ipywidgets.Label().comm is not None


def test_a_kernel_names_the_request_of_the_running_cell() -> None:
    assert callable(ipykernel.ipkernel.IPythonKernel.get_parent)
    assert callable(InteractiveShell.init_events)  # makes `events`
