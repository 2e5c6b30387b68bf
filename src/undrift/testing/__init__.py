"""What every part must hold to, also a third party's: laws of profiles and metrics, contracts of rooms.

Call these from a test of your own::

    from undrift.plugins import find
    from undrift.testing import laws


    def test_my_metric_obeys_the_laws():
        laws.check_metric(find("metrics", "my_metric"), reference, current)

They need pytest, and raise AssertionError where a promise is broken.
"""
