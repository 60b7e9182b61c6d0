// structuredClone for what JSON-like data is made of; everything else is refused as uncloneable.
(host, global) => {
    const uncloneable = (value) => {
        throw new DOMException(`${typeof value === 'symbol' ? 'Symbol' : Object.prototype.toString.call(value)} could not be cloned.`, 'DataCloneError');
    };
    const ERRORS = { Error, EvalError, RangeError, ReferenceError, SyntaxError, TypeError, URIError };

    const clone = (value, seen) => {
        if (typeof value === 'function' || typeof value === 'symbol') return uncloneable(value);
        if (typeof value !== 'object' || value === null) return value;
        if (seen.has(value)) return seen.get(value);
        const keep = (copy) => {
            seen.set(value, copy);
            return copy;
        };
        if (Array.isArray(value)) {
            const copy = keep(new Array(value.length));
            for (const key of Object.keys(value)) copy[key] = clone(value[key], seen);
            return copy;
        }
        if (value instanceof Date) return keep(new Date(value.getTime()));
        if (value instanceof RegExp) return keep(new RegExp(value.source, value.flags));
        if (value instanceof Map) {
            const copy = keep(new Map());
            for (const [key, inner] of [...value]) copy.set(clone(key, seen), clone(inner, seen));
            return copy;
        }
        if (value instanceof Set) {
            const copy = keep(new Set());
            for (const inner of [...value]) copy.add(clone(inner, seen));
            return copy;
        }
        if (value instanceof Error) {
            const Kind = Object.hasOwn(ERRORS, value.name) ? ERRORS[value.name] : Error;
            const copy = keep(new Kind(value.message));
            Object.defineProperty(copy, 'stack', { value: value.stack, configurable: true, writable: true });
            if (Object.hasOwn(value, 'cause')) {
                Object.defineProperty(copy, 'cause', { value: clone(value.cause, seen), configurable: true, writable: true });
            }
            return copy;
        }
        if (value instanceof ArrayBuffer) return keep(value.slice(0));
        if (value instanceof DataView) {
            return keep(new DataView(clone(value.buffer, seen), value.byteOffset, value.byteLength));
        }
        if (ArrayBuffer.isView(value)) {
            return keep(new global[value[Symbol.toStringTag]](clone(value.buffer, seen), value.byteOffset, value.length));
        }
        if ([Number, String, Boolean, BigInt].some((kind) => value instanceof kind)) return keep(Object(value.valueOf()));
        if (value instanceof Promise || value instanceof WeakMap || value instanceof WeakSet || value instanceof WeakRef) {
            return uncloneable(value);
        }
        const copy = keep({});
        for (const key of Object.keys(value)) {
            Object.defineProperty(copy, key, { value: clone(value[key], seen), configurable: true, enumerable: true, writable: true });
        }
        return copy;
    };
    global.structuredClone = (value) => clone(value, new Map());
}
