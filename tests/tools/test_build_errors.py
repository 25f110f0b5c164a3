"""Which errors are the config's, and which are bugs."""
import pytest
from mmengine.registry import Registry

from dynstg_mm.commands.build_errors import explain
from dynstg_mm.commands.common import one_line_errors

PARTS = Registry('part')


@PARTS.register_module()
class Base:

    def __init__(self, width=1):
        self.width = width


@PARTS.register_module()
class Wheel(Base):

    def __init__(self, spokes=3, bug=False, **kwargs):
        super().__init__(**kwargs)
        if bug:
            Base(spoke=1)
            int('x')


def error_of(settings):
    with pytest.raises((KeyError, TypeError, ValueError)) as raised:
        PARTS.build(settings)
    return explain(raised.value)


@pytest.mark.parametrize('settings, message', [
    (dict(type='Weel'), 'type: Weel: unknown part; expected Wheel'),
    (dict(spokes=3), 'type: missing'),
    (dict(type='Wheel', spoke=4), 'Wheel: spoke: unknown option; expected spokes'),
    (dict(type='Wheel', widht=4), 'Wheel: widht: unknown option; expected width'),
])
def test_mistyped_setting_is_named_with_the_nearest(settings, message):
    assert message in error_of(settings)


def test_bug_is_no_error_of_the_config():
    assert error_of(dict(type='Wheel', bug=True)) is None


def interrupted():
    raise KeyboardInterrupt


def interrupted_in_a_dump():
    """As MMEngine does when Ctrl-C arrives while it formats a config."""
    try:
        interrupted()
    except BaseException:
        raise SyntaxError('Failed to format the config file') from None


@pytest.mark.parametrize('work', [interrupted, interrupted_in_a_dump])
def test_ctrl_c_is_one_line_and_says_what_to_do(work, capsys):
    with pytest.raises(SystemExit) as ended, one_line_errors('stopped; resume it'):
        work()
    assert ended.value.code == 130 and capsys.readouterr().err == 'stopped; resume it\n'
