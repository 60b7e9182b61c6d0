// console.*: one line of log per call. The host drops what goes beyond the call's allowance.
(host, global) => {
    const LONGEST = 16384;

    const shown = (value, quoted) => {
        if (typeof value === 'string') return quoted ? JSON.stringify(value) : value;
        if (typeof value === 'bigint') return `${value}n`;
        if (typeof value === 'function') return `[Function: ${value.name || '(anonymous)'}]`;
        if (value instanceof Error) return `${value.name}: ${value.message}\n${value.stack ?? ''}`.trimEnd();
        if (typeof value !== 'object' || value === null) return String(value);
        try {
            const seen = [];
            return JSON.stringify(value, function (key, inner) {
                if (typeof inner === 'bigint') return `${inner}n`;
                if (typeof inner !== 'object' || inner === null) return inner;
                while (seen.length > 0 && seen.at(-1) !== this) seen.pop();
                if (seen.includes(inner)) return '[Circular]';
                seen.push(inner);
                if (inner instanceof Map) return { Map: [...inner] };
                if (inner instanceof Set) return { Set: [...inner] };
                if (inner instanceof Error) return `${inner.name}: ${inner.message}`;
                return inner;
            }) ?? String(value);
        } catch {
            return Object.prototype.toString.call(value);
        }
    };

    const format = (values) => {
        let rest = values;
        let text = '';
        if (typeof values[0] === 'string' && values.length > 1) {
            rest = values.slice(1);
            text = values[0].replace(/%[sdifjoOc%]/g, (place) => {
                if (place === '%%') return '%';
                if (rest.length === 0) return place;
                const value = rest.shift();
                if (place === '%s') return shown(value, false);
                if (place === '%d') return String(Number(value));
                if (place === '%i') return String(Number.parseInt(value, 10));
                if (place === '%f') return String(Number.parseFloat(value));
                return place === '%c' ? '' : shown(value, true);
            });
            if (rest.length > 0) text += ' ';
        }
        return text + rest.map((value) => shown(value, false)).join(' ');
    };

    const writer = (level) => (...values) => {
        if (host.silenced()) return;
        const text = format(values);
        host.print(level, (text.length > LONGEST ? `${text.slice(0, LONGEST)} …` : text).toWellFormed());
    };
    const info = writer('info');
    global.console = {
        log: info, info, dir: (value) => info(value), table: info,
        debug: writer('debug'), trace: writer('debug'),
        warn: writer('warn'), error: writer('error'),
        assert: (holds, ...values) => { if (!holds) global.console.error('Assertion failed', ...values); },
        group: info, groupEnd() {}, time() {}, timeEnd() {}, count() {},
    };
    return format;
}
