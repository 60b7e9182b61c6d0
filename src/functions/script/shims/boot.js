// Puts the shims together and hands the host what it drives them by.
(host, facts, shims, files) => {
    const global = globalThis;
    global.global = global;
    global.process = {
        env: JSON.parse(facts.environment),
        version: 'v22.0.0', versions: { node: '22.0.0' }, platform: 'linux', arch: 'x64', pid: 1, argv: [],
        cwd: () => '/var/task',
        uptime: () => host.now() / 1000,
        hrtime: Object.assign((start) => {
            const now = host.now();
            const time = [Math.trunc(now / 1000), Math.trunc((now % 1000) * 1e6)];
            if (start === undefined) return time;
            if (!Array.isArray(start) || start.length !== 2) throw new TypeError('The "time" argument must be an array of two numbers.');
            const [seconds, nanoseconds] = [time[0] - start[0], time[1] - start[1]];
            return nanoseconds < 0 ? [seconds - 1, nanoseconds + 1e9] : [seconds, nanoseconds];
        }, { bigint: () => BigInt(Math.trunc(host.now() * 1e6)) }),
        nextTick: (callback, ...values) => global.queueMicrotask(() => callback(...values)),
        on() { return this; },
        once() { return this; },
        emitWarning: (warning) => global.console.warn(warning),
    };
    shims.date(host, global);
    const timers = shims.timers(host, global);
    const format = shims.console(host, global);
    shims.encoding(host, global);
    shims.clone(host, global);
    shims.url(host, global);
    const crypto = shims.crypto(host, global);
    const modules = shims.modules(host, global, { crypto, format, events: shims.events(global), path: shims.path() });
    const calls = shims.calls(host, facts);

    // Modules of the handler's own folder by their paths in it. One that is still being loaded gives what it exports so far.
    const loaded = new Map();
    const find = (folder, name) => {
        const parts = folder.split('/').filter(Boolean);
        for (const part of name.split('/')) {
            if (part === '..') {
                if (!parts.length) return undefined;
                parts.pop();
            } else if (part !== '' && part !== '.') {
                parts.push(part);
            }
        }
        const whole = parts.join('/');
        const known = (path) => loaded.has(path) || Object.hasOwn(files, path);
        return ['', '.js', '.cjs', '.json', '/index.js'].map((ending) => `${whole}${ending}`.replace(/^\//, '')).find(known);
    };
    const requireFrom = (folder) => (name) => {
        if (!/^\.{1,2}(\/|$)/.test(String(name))) return modules.require(name);
        const path = find(folder, String(name));
        if (path === undefined) return modules.require(name);
        if (!loaded.has(path)) {
            const file = files[path];
            if (typeof file === 'string') loaded.set(path, { exports: JSON.parse(file) });
            else run(file, path);
        }
        return loaded.get(path).exports;
    };
    // A CommonJS module, wrapped as Node wraps it.
    const run = (wrapper, path) => {
        const folder = path.includes('/') ? path.slice(0, path.lastIndexOf('/')) : '';
        const module = { exports: {}, id: path, filename: path, loaded: false };
        loaded.set(path, module);
        try {
            const place = folder ? `/var/task/${folder}` : '/var/task';
            wrapper.call(module.exports, module.exports, requireFrom(folder), module, path, place);
            module.loaded = true;
        } catch (error) {
            loaded.delete(path);
            throw error;
        }
        return module.exports;
    };

    return {
        begin: calls.begin,
        drained: calls.drained,
        wait: timers.wait,
        fire: timers.fire,
        common: run,
        require: modules.require,
        pages: shims.pages,
    };
}
