"""The scoring API: the champion and the online features behind HTTP."""
