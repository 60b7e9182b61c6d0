// TextEncoder, TextDecoder (UTF-8 only) and Buffer, the part of it that handlers use.
(host, global) => {
    const REPLACEMENT = 0xfffd;

    const encode = (value) => {
        const text = String(value).toWellFormed();
        const bytes = new Uint8Array(text.length * 3);
        let at = 0;
        for (let i = 0; i < text.length; i += 1) {
            let point = text.charCodeAt(i);
            if (point < 0x80) {
                bytes[at++] = point;
                continue;
            }
            if (point >= 0xd800 && point < 0xdc00) {
                point = 0x10000 + ((point - 0xd800) << 10) + (text.charCodeAt(i + 1) - 0xdc00);
                i += 1;
            }
            if (point < 0x800) {
                bytes[at++] = 0xc0 | (point >> 6);
            } else {
                if (point < 0x10000) {
                    bytes[at++] = 0xe0 | (point >> 12);
                } else {
                    bytes[at++] = 0xf0 | (point >> 18);
                    bytes[at++] = 0x80 | ((point >> 12) & 0x3f);
                }
                bytes[at++] = 0x80 | ((point >> 6) & 0x3f);
            }
            bytes[at++] = 0x80 | (point & 0x3f);
        }
        return bytes.slice(0, at);
    };

    // WHATWG Encoding's decoder: the bounds of the second byte keep out overlong forms, surrogates and what is beyond Unicode.
    const decode = (bytes, fatal) => {
        const points = [];
        let text = '';
        let [point, needed, lower, upper] = [0, 0, 0x80, 0xbf];
        const put = (value) => {
            points.push(value);
            if (points.length === 4096) text += String.fromCodePoint(...points.splice(0));
        };
        const bad = () => {
            if (fatal) throw new TypeError('The encoded data was not valid for encoding utf-8');
            put(REPLACEMENT);
        };
        for (let i = 0; i < bytes.length; i += 1) {
            const byte = bytes[i];
            if (needed === 0) {
                if (byte < 0x80) put(byte);
                else if (byte >= 0xc2 && byte <= 0xdf) [needed, point] = [1, byte & 0x1f];
                else if (byte >= 0xe0 && byte <= 0xef) {
                    if (byte === 0xe0) lower = 0xa0;
                    if (byte === 0xed) upper = 0x9f;
                    [needed, point] = [2, byte & 0x0f];
                } else if (byte >= 0xf0 && byte <= 0xf4) {
                    if (byte === 0xf0) lower = 0x90;
                    if (byte === 0xf4) upper = 0x8f;
                    [needed, point] = [3, byte & 0x07];
                } else bad();
                continue;
            }
            const fits = byte >= lower && byte <= upper;
            [lower, upper] = [0x80, 0xbf];
            if (!fits) {
                [point, needed] = [0, 0];
                bad();
                i -= 1;
                continue;
            }
            point = (point << 6) | (byte & 0x3f);
            needed -= 1;
            if (needed === 0) put(point);
        }
        if (needed > 0) bad();
        return text + String.fromCodePoint(...points);
    };

    const viewed = (source) => {
        if (source === undefined) return new Uint8Array(0);
        if (ArrayBuffer.isView(source)) return new Uint8Array(source.buffer, source.byteOffset, source.byteLength);
        if (source instanceof ArrayBuffer) return new Uint8Array(source);
        throw new TypeError('The "input" argument must be an instance of ArrayBuffer or ArrayBufferView.');
    };

    global.TextEncoder = class TextEncoder {
        get encoding() { return 'utf-8'; }
        encode(text = '') { return encode(text); }
    };
    global.TextDecoder = class TextDecoder {
        #fatal;
        #keepsMark;
        constructor(label = 'utf-8', { fatal = false, ignoreBOM = false } = {}) {
            if (!['utf-8', 'utf8', 'unicode-1-1-utf-8'].includes(String(label).trim().toLowerCase())) {
                throw new RangeError(`The "${label}" encoding is not supported`);
            }
            this.#fatal = Boolean(fatal);
            this.#keepsMark = Boolean(ignoreBOM);
        }
        get encoding() { return 'utf-8'; }
        get fatal() { return this.#fatal; }
        get ignoreBOM() { return this.#keepsMark; }
        decode(source, { stream = false } = {}) {
            if (stream) throw new TypeError('TextDecoder cannot decode a stream here');
            const text = decode(viewed(source), this.#fatal);
            return !this.#keepsMark && text.startsWith('\ufeff') ? text.slice(1) : text;
        }
    };

    // Node forgives stray characters and missing padding in base64 and takes both alphabets.
    const fromBase64 = (text) => {
        const digits = text.replace(/=[^]*$/, '').replace(/[^A-Za-z0-9+/_-]/g, '').replace(/-/g, '+').replace(/_/g, '/');
        return Uint8Array.fromBase64(digits.length % 4 === 1 ? digits.slice(0, -1) : digits);
    };
    const fromHex = (text) => {
        const digits = /^(?:[0-9a-fA-F]{2})*/.exec(text)[0];
        return Uint8Array.fromHex(digits);
    };
    const fromLatin1 = (text) => {
        const bytes = new Uint8Array(text.length);
        for (let i = 0; i < text.length; i += 1) bytes[i] = text.charCodeAt(i);
        return bytes;
    };
    const toLatin1 = (bytes) => {
        let text = '';
        for (const byte of bytes) text += String.fromCharCode(byte);
        return text;
    };
    const fromUtf16 = (text) => {
        const bytes = new Uint8Array(text.length * 2);
        for (let i = 0; i < text.length; i += 1) {
            const unit = text.charCodeAt(i);
            bytes[2 * i] = unit;
            bytes[2 * i + 1] = unit >> 8;
        }
        return bytes;
    };
    const toUtf16 = (bytes) => {
        let text = '';
        for (let i = 0; i + 1 < bytes.length; i += 2) text += String.fromCharCode(bytes[i] | (bytes[i + 1] << 8));
        return text;
    };
    const ENCODINGS = {
        'utf8': [encode, (bytes) => decode(bytes, false)],
        'base64': [fromBase64, (bytes) => bytes.toBase64()],
        'base64url': [fromBase64, (bytes) => bytes.toBase64({ alphabet: 'base64url', omitPadding: true })],
        'hex': [fromHex, (bytes) => bytes.toHex()],
        'latin1': [fromLatin1, toLatin1],
        'ascii': [fromLatin1, (bytes) => toLatin1(bytes.map((byte) => byte & 0x7f))],
        'utf16le': [fromUtf16, toUtf16],
    };
    ENCODINGS['utf-8'] = ENCODINGS.utf8;
    ENCODINGS.binary = ENCODINGS.latin1;
    ENCODINGS.ucs2 = ENCODINGS['ucs-2'] = ENCODINGS['utf-16le'] = ENCODINGS.utf16le;
    const isEncoding = (name) => typeof name === 'string' && Object.hasOwn(ENCODINGS, name.toLowerCase());
    const encoding = (name) => {
        if (name === undefined || name === null || name === '') return ENCODINGS.utf8;
        if (isEncoding(name)) return ENCODINGS[name.toLowerCase()];
        throw Object.assign(new TypeError(`Unknown encoding: ${String(name)}`), { code: 'ERR_UNKNOWN_ENCODING' });
    };
    const wrap = (bytes) => Object.setPrototypeOf(bytes, Buffer.prototype);
    const wrongType = (name, kinds) => Object.assign(new TypeError(`The "${name}" argument must be of type ${kinds}.`), { code: 'ERR_INVALID_ARG_TYPE' });
    const outOfRange = (name) => Object.assign(new RangeError(`The value of "${name}" is out of range.`), { code: 'ERR_OUT_OF_RANGE' });
    const bytesOnly = (value, name) => {
        if (value instanceof Uint8Array) return value;
        throw wrongType(name, 'Buffer or Uint8Array');
    };
    const sizeOf = (size) => {
        if (typeof size !== 'number') throw wrongType('size', 'number');
        if (!(size >= 0 && size <= Number.MAX_SAFE_INTEGER)) throw outOfRange('size');
        return Math.trunc(size);
    };
    // An offset into bytes, or past their end.
    const within = (value, preset, most, name) => {
        if (value === undefined) return preset;
        if (!Number.isInteger(value)) throw typeof value === 'number' ? outOfRange(name) : wrongType(name, 'number');
        if (value < 0 || value > most) throw outOfRange(name);
        return value;
    };
    const order = (one, other) => {
        const shared = Math.min(one.length, other.length);
        for (let i = 0; i < shared; i += 1) {
            if (one[i] !== other[i]) return one[i] < other[i] ? -1 : 1;
        }
        return Math.sign(one.length - other.length);
    };
    // Where the bytes of a value stand in others, from the front or from the back.
    const find = (whole, value, offset, name, forward) => {
        if (typeof offset === 'string') [offset, name] = [undefined, offset];
        let [sought, step] = [value, 1];
        if (typeof value === 'string') {
            const found = encoding(name);
            sought = found[0](value);
            if (found === ENCODINGS.utf16le) step = 2;
        } else if (typeof value === 'number') {
            sought = [value & 0xff];
        } else if (!(value instanceof Uint8Array)) {
            throw wrongType('value', 'number or string or an instance of Buffer or Uint8Array');
        }
        const last = whole.length - sought.length;
        let at = Math.trunc(Number(offset));
        if (offset === undefined || Number.isNaN(at)) at = forward ? 0 : whole.length;
        else if (at < 0) at += whole.length;
        if (at < 0) {
            if (!forward) return -1;
            at = 0;
        }
        if (sought.length === 0) return Math.min(at, whole.length);
        if (!forward) at = Math.min(at, last);
        for (at -= at % step; at >= 0 && at <= last; at += forward ? step : -step) {
            let matched = 0;
            while (matched < sought.length && whole[at + matched] === sought[matched]) matched += 1;
            if (matched === sought.length) return at;
        }
        return -1;
    };

    class Buffer extends Uint8Array {
        constructor(source, second, length) {
            // A typed array makes others of its kind with a length, or with a part of its memory.
            if (typeof source === 'number') super(sizeOf(source));
            else if (source instanceof ArrayBuffer) super(source, second, length);
            else super(Buffer.from(source, second));
        }
        static from(source, second, length) {
            if (typeof source === 'string') return wrap(encoding(second)[0](source));
            if (source instanceof ArrayBuffer) return wrap(new Uint8Array(source, second, length));
            if (source?.type === 'Buffer' && Array.isArray(source.data)) return wrap(Uint8Array.from(source.data));
            if (typeof source === 'object' && source !== null && Number.isInteger(source.length)) return wrap(Uint8Array.from(source));
            throw wrongType('first', 'string or an instance of Buffer, ArrayBuffer, or Array');
        }
        static alloc(size, fill, name) {
            const made = wrap(new Uint8Array(sizeOf(size)));
            return fill === undefined ? made : made.fill(fill, name);
        }
        static allocUnsafe(size) { return Buffer.alloc(size); }
        static allocUnsafeSlow(size) { return Buffer.alloc(size); }
        static isBuffer(value) { return value instanceof Buffer; }
        static isEncoding(name) { return isEncoding(name); }
        static byteLength(value, name) {
            if (typeof value === 'string') return encoding(name)[0](value).length;
            if (ArrayBuffer.isView(value) || value instanceof ArrayBuffer) return value.byteLength;
            throw wrongType('string', 'string or an instance of Buffer or ArrayBuffer');
        }
        static compare(one, other) { return order(bytesOnly(one, 'buf1'), bytesOnly(other, 'buf2')); }
        static concat(list, total) {
            if (!Array.isArray(list)) throw wrongType('list', 'Array');
            list.forEach((part, at) => bytesOnly(part, `list[${at}]`));
            const length = total === undefined ? list.reduce((sum, part) => sum + part.length, 0) : sizeOf(total);
            const whole = wrap(new Uint8Array(length));
            let at = 0;
            for (const part of list) {
                whole.set(part.length > length - at ? part.subarray(0, length - at) : part, at);
                at = Math.min(length, at + part.length);
            }
            return whole;
        }
        toString(name, start = 0, end = this.length) {
            const [from, to] = [start, end].map((at) => Math.max(0, Math.trunc(at) || 0));
            return encoding(name)[1](new Uint8Array(this.buffer, this.byteOffset, this.length).subarray(from, to));
        }
        toJSON() { return { type: 'Buffer', data: Array.from(this) }; }
        equals(other) { return order(this, bytesOnly(other, 'otherBuffer')) === 0; }
        compare(target, targetStart, targetEnd, start, end) {
            bytesOnly(target, 'target');
            const to = within(targetEnd, target.length, target.length, 'targetEnd');
            const until = within(end, this.length, this.length, 'sourceEnd');
            const other = target.subarray(within(targetStart, 0, Infinity, 'targetStart'), to);
            return order(this.subarray(within(start, 0, Infinity, 'sourceStart'), until), other);
        }
        // Node's shares the memory.
        slice(start, end) { return this.subarray(start, end); }
        indexOf(value, offset, name) { return find(this, value, offset, name, true); }
        lastIndexOf(value, offset, name) { return find(this, value, offset, name, false); }
        includes(value, offset, name) { return find(this, value, offset, name, true) !== -1; }
        fill(value, start, end, name) {
            if (typeof start === 'string') [start, end, name] = [undefined, undefined, start];
            else if (typeof end === 'string') [end, name] = [undefined, end];
            const to = within(end, this.length, this.length, 'end');
            const from = within(start, 0, this.length, 'offset');
            if (typeof value !== 'string' && !(value instanceof Uint8Array)) return super.fill(value & 0xff, from, to);
            const pattern = typeof value === 'string' ? encoding(name)[0](value) : value;
            if (value.length === 0) return super.fill(0, from, to);
            if (pattern.length === 0) throw new TypeError(`The argument 'value' is invalid. Received '${value}'`);
            for (let at = from; at < to; at += 1) this[at] = pattern[(at - from) % pattern.length];
            return this;
        }
        copy(target, targetStart, start, end) {
            bytesOnly(target, 'target');
            const at = within(targetStart, 0, Infinity, 'targetStart');
            const from = within(start, 0, this.length, 'sourceStart');
            const until = Math.min(within(end, this.length, Infinity, 'sourceEnd'), this.length);
            const count = Math.min(until - from, target.length - at);
            if (count <= 0) return 0;
            target.set(this.subarray(from, from + count), at);
            return count;
        }
        write(text, offset, length, name) {
            if (typeof text !== 'string') throw wrongType('string', 'string');
            if (typeof offset === 'string') [offset, length, name] = [undefined, undefined, offset];
            else if (typeof length === 'string') [length, name] = [undefined, length];
            const at = within(offset, 0, this.length, 'offset');
            const room = Math.min(within(length, Infinity, Infinity, 'length'), this.length - at);
            const found = encoding(name);
            const bytes = found[0](text);
            let count = Math.min(bytes.length, room);
            // Whole characters only.
            if (found === ENCODINGS.utf8) while (count > 0 && (bytes[count] & 0xc0) === 0x80) count -= 1;
            if (found === ENCODINGS.utf16le) count -= count % 2;
            this.set(bytes.subarray(0, count), at);
            return count;
        }
    }
    const method = (names, value) => names.forEach((name) => Object.defineProperty(Buffer.prototype, name, { value, writable: true, configurable: true }));
    const spellings = (name) => [name, name.replace('UInt', 'Uint')];
    const dataOf = (buffer) => new DataView(buffer.buffer, buffer.byteOffset, buffer.byteLength);
    // Numbers by their kinds: how DataView names them, their bytes, and between what they lie.
    for (const [name, kind, size, low, high] of [
        ['UInt8', 'Uint8', 1, 0, 0xff], ['Int8', 'Int8', 1, -0x80, 0x7f],
        ['UInt16', 'Uint16', 2, 0, 0xffff], ['Int16', 'Int16', 2, -0x8000, 0x7fff],
        ['UInt32', 'Uint32', 4, 0, 0xffffffff], ['Int32', 'Int32', 4, -0x80000000, 0x7fffffff],
        ['BigUInt64', 'BigUint64', 8, 0n, 2n ** 64n - 1n], ['BigInt64', 'BigInt64', 8, -(2n ** 63n), 2n ** 63n - 1n],
        ['Float', 'Float32', 4], ['Double', 'Float64', 8],
    ]) {
        for (const [ending, little] of size === 1 ? [['', true]] : [['LE', true], ['BE', false]]) {
            method(spellings(`read${name}${ending}`), function (offset) {
                return dataOf(this)[`get${kind}`](within(offset, 0, this.length - size, 'offset'), little);
            });
            method(spellings(`write${name}${ending}`), function (value, offset) {
                const number = typeof low === 'bigint' ? value : Number(value);
                if (typeof low === 'bigint' && typeof value !== 'bigint') throw wrongType('value', 'bigint');
                if (low !== undefined && (number < low || number > high)) throw outOfRange('value');
                const at = within(offset, 0, this.length - size, 'offset');
                dataOf(this)[`set${kind}`](at, number, little);
                return at + size;
            });
        }
    }
    // Whole numbers of up to six bytes.
    for (const [ending, little] of [['LE', true], ['BE', false]]) {
        const places = (count) => Array.from({ length: count }, (_, at) => (little ? at : count - 1 - at));
        const countOf = (count) => {
            if (!Number.isInteger(count) || count < 1 || count > 6) throw outOfRange('byteLength');
            return count;
        };
        for (const [name, signed] of [['UInt', false], ['Int', true]]) {
            method(spellings(`read${name}${ending}`), function (offset, count) {
                const from = within(offset, undefined, this.length - countOf(count), 'offset');
                if (from === undefined) throw wrongType('offset', 'number');
                const value = places(count).reduce((sum, place, at) => sum + this[from + place] * 2 ** (8 * at), 0);
                return signed && value >= 2 ** (8 * count - 1) ? value - 2 ** (8 * count) : value;
            });
            method(spellings(`write${name}${ending}`), function (value, offset, count) {
                const from = within(offset, undefined, this.length - countOf(count), 'offset');
                if (from === undefined) throw wrongType('offset', 'number');
                const number = Math.trunc(Number(value)) || 0;
                const high = 2 ** (8 * count - (signed ? 1 : 0));
                if (number >= high || number < (signed ? -high : 0)) throw outOfRange('value');
                const whole = number < 0 ? number + 2 ** (8 * count) : number;
                places(count).forEach((place, at) => { this[from + place] = Math.floor(whole / 2 ** (8 * at)) % 256; });
                return from + count;
            });
        }
    }
    global.Buffer = Buffer;
}
