def _watch(folder, plots):
    import sys
    def find(name, *_):
        if name != 'matplotlib.pyplot': return None
        sys.meta_path.remove(find)
        scope = {'folder': folder}
        exec(plots, scope)
        return scope['spec'](name)
    find.find_spec = find
    sys.meta_path.insert(0, find)
    del globals()['_watch']
