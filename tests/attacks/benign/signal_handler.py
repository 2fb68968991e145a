# goal: a harmless signal handler and a weak reference
# outcome: accepted
# test: Solution().handlers() == (True, True)
import gc
import signal
import weakref


class Thing:
    pass


class Solution:
    def handlers(self):
        before = signal.signal(signal.SIGTERM, signal.SIG_IGN)
        thing = Thing()
        reference = weakref.ref(thing)
        del thing
        gc.collect()
        return reference() is None, before == signal.SIG_DFL
