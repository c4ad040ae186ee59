def pad_of(*a, **k): raise NotImplementedError
def rendered(*a, **k): raise NotImplementedError
