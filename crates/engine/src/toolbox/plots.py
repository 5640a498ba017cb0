def spec(name):
    import importlib.util
    found = importlib.util.find_spec(name)
    if found is None or found.loader is None: return found
    execute = found.loader.exec_module
    def exec_module(module):
        execute(module)
        arrange(module)
    found.loader.exec_module = exec_module
    return found

def arrange(pyplot):
    import atexit, io, os
    count = 0
    def save(number):
        nonlocal count
        if count >= 4: return
        figure = pyplot.figure(number)
        width, height = figure.get_size_inches()
        dpi = min(figure.get_dpi(), 1568 / max(width, height, 0.1))
        for _ in range(5):
            image = io.BytesIO()
            figure.savefig(image, format='png', dpi=dpi)
            if image.tell() <= 500_000: break
            dpi *= 0.6
        else: return
        count += 1
        os.makedirs(folder, exist_ok=True)
        with open('%s/figure-%d.png' % (folder, count), 'wb') as file: file.write(image.getvalue())
    def save_all(*args, **kwargs):
        for number in pyplot.get_fignums(): save(number)
        pyplot.close('all')
    try: pyplot.switch_backend('Agg')
    except Exception: return
    pyplot.show = save_all
    atexit.register(save_all)
