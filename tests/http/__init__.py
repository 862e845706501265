"""Tests of hubbub.http."""  # noqa: A005
