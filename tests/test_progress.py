"""Progress bars stay out of files and pipes."""
from dynstg_mm.progress import with_bar


def test_no_bar_without_a_terminal(capfd):
    assert list(with_bar(iter('abc'), 'letters', total=3)) == ['a', 'b', 'c']
    assert capfd.readouterr() == ('', '')
