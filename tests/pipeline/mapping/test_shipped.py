"""Every shipped mapping: its examples pass, come with links, and show each event that it can make."""

import pytest

from config.shipped import shipped_mapping, shipped_names
from pipeline.mapping import check_examples

NAMES = shipped_names()


@pytest.mark.parametrize("name", NAMES)
def test_the_examples_of_a_shipped_mapping_become_what_they_say(name: str) -> None:
    assert check_examples(shipped_mapping(name).mapping, name) == []


@pytest.mark.parametrize("name", NAMES)
def test_every_shipped_example_has_the_link_of_its_page(name: str) -> None:
    examples = shipped_mapping(name).mapping.examples
    assert [index for index, example in enumerate(examples) if example.docs is None] == []
