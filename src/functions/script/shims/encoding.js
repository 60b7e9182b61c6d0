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
    const fromLatin1 = (text) => Uint8Array.from(text, (letter) => letter.charCodeAt(0) & 0xff);
    const toLatin1 = (bytes) => {
        let text = '';
        for (const byte of bytes) text += String.fromCharCode(byte);
        return text;
    };
    const ENCODINGS = {
        'utf8': [encode, (bytes) => decode(bytes, false)],
        'base64': [fromBase64, (bytes) => bytes.toBase64()],
        'base64url': [fromBase64, (bytes) => bytes.toBase64({ alphabet: 'base64url', omitPadding: true })],
        'hex': [fromHex, (bytes) => bytes.toHex()],
        'latin1': [fromLatin1, toLatin1],
    };
    ENCODINGS['utf-8'] = ENCODINGS.utf8;
    ENCODINGS.binary = ENCODINGS.latin1;
    const encoding = (name = 'utf8') => {
        const found = Object.hasOwn(ENCODINGS, String(name).toLowerCase()) && ENCODINGS[String(name).toLowerCase()];
        if (!found) throw new TypeError(`Unknown encoding: ${name}`);
        return found;
    };
    const wrap = (bytes) => Object.setPrototypeOf(bytes, Buffer.prototype);

    class Buffer extends Uint8Array {
        static from(source, second, length) {
            if (typeof source === 'string') return wrap(encoding(second)[0](source));
            if (source instanceof ArrayBuffer) return wrap(new Uint8Array(source, second, length));
            if (source?.type === 'Buffer' && Array.isArray(source.data)) return wrap(Uint8Array.from(source.data));
            if (ArrayBuffer.isView(source) || Array.isArray(source)) return wrap(Uint8Array.from(source));
            throw new TypeError('The first argument must be of type string or an instance of Buffer, ArrayBuffer, or Array.');
        }
        static alloc(size, fill = 0) {
            return wrap(new Uint8Array(size)).fill(fill);
        }
        static isBuffer(value) { return value instanceof Buffer; }
        static byteLength(value, name) {
            return typeof value === 'string' ? encoding(name)[0](value).length : value.byteLength;
        }
        static concat(list) {
            const whole = wrap(new Uint8Array(list.reduce((sum, part) => sum + part.length, 0)));
            let at = 0;
            for (const part of list) {
                whole.set(part, at);
                at += part.length;
            }
            return whole;
        }
        toString(name, start = 0, end = this.length) {
            return encoding(name)[1](new Uint8Array(this.buffer, this.byteOffset, this.length).subarray(start, end));
        }
        toJSON() { return { type: 'Buffer', data: Array.from(this) }; }
        equals(other) { return this.length === other.length && this.every((byte, at) => byte === other[at]); }
    }
    global.Buffer = Buffer;
}
