// require(): a fixed list. There is no network to load anything else from, and of files only those beside the handler.
(host, global, parts) => {
    const custom = Symbol.for('nodejs.util.promisify.custom');
    const wrongType = (message) => Object.assign(new TypeError(message), { code: 'ERR_INVALID_ARG_TYPE' });
    const promisify = (callee) => {
        if (typeof callee !== 'function') throw wrongType('The "original" argument must be of type function.');
        const own = callee[custom];
        if (own !== undefined && typeof own !== 'function') throw wrongType('The "util.promisify.custom" property must be of type function.');
        return own ?? function promised(...values) {
            return new Promise((resolve, reject) => {
                callee.call(this, ...values, (error, value) => (error ? reject(error) : resolve(value)));
            });
        };
    };
    promisify.custom = custom;
    // Their callbacks come first and take no error.
    const later = (delay, value) => new Promise((resolve) => { global.setTimeout(resolve, delay, value); });
    const soon = (value) => new Promise((resolve) => { global.setImmediate(resolve, value); });
    Object.defineProperty(global.setTimeout, custom, { value: later });
    Object.defineProperty(global.setImmediate, custom, { value: soon });
    // One value of a name is a text, several are a list.
    const query = {
        parse: (text = '', between = '&', equals = '=') => {
            const found = Object.create(null);
            for (const pair of String(text).split(between).filter(Boolean)) {
                const at = pair.indexOf(equals);
                const [name, value] = (at < 0 ? [pair, ''] : [pair.slice(0, at), pair.slice(at + equals.length)]).map(query.unescape);
                found[name] = name in found ? [found[name], value].flat() : value;
            }
            return found;
        },
        stringify: (values = {}, between = '&', equals = '=') => Object.entries(values ?? {})
            .flatMap(([name, value]) => [value].flat().map((one) => [name, ['string', 'number', 'bigint', 'boolean'].includes(typeof one) ? one : '']))
            .map((pair) => pair.map((part) => query.escape(String(part))).join(equals)).join(between),
        escape: (text) => encodeURIComponent(text),
        unescape: (text) => {
            const plain = String(text).replaceAll('+', ' ');
            try {
                return decodeURIComponent(plain);
            } catch {
                return plain;
            }
        },
    };
    const modules = {
        buffer: { Buffer: global.Buffer, atob: global.atob, btoa: global.btoa },
        crypto: parts.crypto,
        events: parts.events,
        path: parts.path,
        process: global.process,
        querystring: { ...query, decode: query.parse, encode: query.stringify },
        timers: {
            setTimeout: global.setTimeout, clearTimeout: global.clearTimeout,
            setInterval: global.setInterval, clearInterval: global.clearInterval,
            setImmediate: global.setImmediate, clearImmediate: global.clearImmediate,
        },
        'timers/promises': {
            setTimeout: later, setImmediate: soon,
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
        const hint = !/^(@|aws-sdk)/.test(plain) ? ''
            : ': the embedded engine has no packages; bundle it, or run the function as a process (`command` or `attach`)';
        const error = new Error(`Cannot find module '${name}'${hint}`);
        error.code = 'MODULE_NOT_FOUND';
        throw error;
    };
    return { require };
}
