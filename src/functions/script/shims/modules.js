// require(): a fixed list. There is no file system and no network to load anything else from.
(host, global, parts) => {
    const promisify = (callee) => (...values) => new Promise((resolve, reject) => {
        callee(...values, (error, value) => (error ? reject(error) : resolve(value)));
    });
    const modules = {
        buffer: { Buffer: global.Buffer, atob: global.atob, btoa: global.btoa },
        crypto: parts.crypto,
        process: global.process,
        timers: {
            setTimeout: global.setTimeout, clearTimeout: global.clearTimeout,
            setInterval: global.setInterval, clearInterval: global.clearInterval,
            setImmediate: global.setImmediate, clearImmediate: global.clearImmediate,
        },
        'timers/promises': {
            setTimeout: (delay, value) => new Promise((resolve) => { global.setTimeout(resolve, delay, value); }),
        },
        url: { URL: global.URL, URLSearchParams: global.URLSearchParams },
        util: {
            promisify, format: (...values) => parts.format(values), inspect: (value) => parts.format([value]),
            TextEncoder: global.TextEncoder, TextDecoder: global.TextDecoder,
        },
    };
    const require = (name) => {
        const plain = String(name).replace(/^node:/, '');
        if (Object.hasOwn(modules, plain)) return modules[plain];
        const error = new Error(`Cannot find module '${name}'`);
        error.code = 'MODULE_NOT_FOUND';
        throw error;
    };
    return { require };
}
