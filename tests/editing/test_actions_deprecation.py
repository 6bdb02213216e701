"""Deprecating selected packages."""

import pytest
from django.test import Client

from packages.models import Package
from tests.core.admin.editors import messages_of
from tests.editing.acting import begin, send, text_of
from tests.factories import PackageFactory

pytestmark = pytest.mark.django_db


def test_without_a_successor_the_first_page_says_all(editor: Client) -> None:
    new, old = PackageFactory.create(title="New"), PackageFactory.create(title="Old", deprecated=True)
    page = begin(editor, "deprecate", [new, old])
    assert "Marked as deprecated: 1 package." in text_of(page)
    done, left = messages_of(send(editor, page))
    assert done.startswith("Marked 1 package as deprecated. <a")
    assert left == "Left as they are, deprecated already: “Old”."
    assert Package.objects.filter(deprecated=True).count() == 2


def test_with_a_successor_the_page_is_shown_again(editor: Client) -> None:
    one, old = PackageFactory.create(title="One"), PackageFactory.create(title="Old", deprecated=True)
    new = PackageFactory.create(title="Next", replaced_by=PackageFactory.create(title="Third"))
    page = send(editor, begin(editor, "deprecate", [one, old, new]), successor=new.pk)
    text = text_of(page)
    assert "Marked as deprecated, replaced by “Next”: 2 packages." in text
    assert "Left as they are, the successor itself (1): “Next”." in text
    assert "Old deprecated deprecated, replaced by “Next”" in text
    send(editor, page)
    assert set(Package.objects.filter(replaced_by=new)) == {one, old}
    new.refresh_from_db()
    assert not new.deprecated


def test_a_cycle_is_refused(editor: Client) -> None:
    one, two, three = (PackageFactory.create(title=title) for title in ("One", "Two", "Three"))
    Package.objects.filter(pk=two.pk).update(replaced_by=one)
    Package.objects.filter(pk=three.pk).update(replaced_by=two)
    for successor, why in ((two, "“Two” is itself replaced by “One”"), (three, "“Three” leads to “One”")):
        page = send(editor, begin(editor, "deprecate", [one]), successor=successor.pk)
        assert f"{why}, which is selected." in text_of(page)
        assert f'<option value="{successor.pk}" selected>' in page.content.decode()
    one.refresh_from_db()
    assert not one.deprecated
