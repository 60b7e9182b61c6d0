// Puts the shims together and hands the host what it drives them by.
(host, facts, shims) => {
    const global = globalThis;
    global.global = global;
    global.process = {
        env: JSON.parse(facts.environment),
        version: 'v22.0.0', versions: { node: '22.0.0' }, platform: 'linux', arch: 'x64', pid: 1, argv: [],
        cwd: () => '/var/task',
        uptime: () => host.now() / 1000,
        hrtime: Object.assign(() => {
            const now = host.now();
            return [Math.trunc(now / 1000), Math.trunc((now % 1000) * 1e6)];
        }, { bigint: () => BigInt(Math.trunc(host.now() * 1e6)) }),
        nextTick: (callback, ...values) => global.queueMicrotask(() => callback(...values)),
        on() { return this; },
        once() { return this; },
        emitWarning: (warning) => global.console.warn(warning),
    };
    const timers = shims.timers(host, global);
    const format = shims.console(host, global);
    shims.encoding(host, global);
    shims.clone(host, global);
    shims.url(host, global);
    const crypto = shims.crypto(host, global);
    const modules = shims.modules(host, global, { crypto, format });
    const calls = shims.calls(host, facts);

    return {
        begin: calls.begin,
        drained: calls.drained,
        wait: timers.wait,
        fire: timers.fire,
        // The exports of a CommonJS module, wrapped as Node wraps it.
        common: (wrapper, file) => {
            const module = { exports: {}, id: file, filename: file, loaded: false };
            wrapper.call(module.exports, module.exports, modules.require, module, file, '/var/task');
            return module.exports;
        },
        require: modules.require,
    };
}
