// crypto: random values and digests from the host. Key pairs and ciphers are not offered.
(host, global) => {
    const bytes = (count) => {
        if (!Number.isInteger(count) || count < 0 || count > 65536) throw new RangeError('between 0 and 65536 bytes, please');
        return host.random(count);
    };
    const KINDS = [Int8Array, Uint8Array, Uint8ClampedArray, Int16Array, Uint16Array, Int32Array, Uint32Array,
        BigInt64Array, BigUint64Array];
    const randomInt = (low, high) => {
        const [from, below] = typeof high === 'number' ? [low, high] : [0, low];
        const range = below - from;
        if (!Number.isSafeInteger(from) || !Number.isSafeInteger(below) || range < 1 || range > 2 ** 48) {
            throw new RangeError('The value of "max" is out of range.');
        }
        // Values above the last whole multiple are drawn again: no residue is likelier than another.
        const limit = 2 ** 48 - (2 ** 48 % range);
        for (;;) {
            const value = bytes(6).reduce((sum, byte) => sum * 256 + byte, 0);
            if (value < limit) return from + (value % range);
        }
    };
    const web = {
        randomUUID: () => host.uuid(),
        getRandomValues: (array) => {
            if (!KINDS.some((kind) => array instanceof kind)) throw new TypeError('The data must be an integer array.');
            if (array.byteLength > 65536) throw new DOMException('The requested length exceeds 65,536 bytes', 'QuotaExceededError');
            new Uint8Array(array.buffer, array.byteOffset, array.byteLength).set(bytes(array.byteLength));
            return array;
        },
    };
    const ALGORITHMS = { sha1: 'sha1', sha256: 'sha256', sha384: 'sha384', sha512: 'sha512' };
    // Whatever else `new Uint8Array` takes would be an empty array, and a check that holds for everything.
    const view = (data, name) => {
        if (ArrayBuffer.isView(data)) return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
        if (data instanceof ArrayBuffer) return new Uint8Array(data);
        throw wrongType(`The "${name}" argument must be an instance of ArrayBuffer, Buffer, TypedArray, or DataView.`);
    };
    const wrongType = (message) => Object.assign(new TypeError(message), { code: 'ERR_INVALID_ARG_TYPE' });
    const textOrBytes = (data, name, encoding) => {
        if (typeof data === 'string') return global.Buffer.from(data, encoding);
        if (ArrayBuffer.isView(data) || data instanceof ArrayBuffer) return view(data, name).slice();
        throw wrongType(`The "${name}" argument must be of type string or an instance of ArrayBuffer, Buffer, TypedArray, or DataView.`);
    };
    const sum = (name, data, key = null) =>
        Uint8Array.fromBase64(host.digest(name, data.toBase64(), key === null ? undefined : key.toBase64()));
    class Digest {
        #name;
        #key;
        #parts = [];
        constructor(name, key) {
            if (typeof name !== 'string') throw wrongType('The algorithm must be of type string.');
            const plain = String(name).toLowerCase().replace(/^(rsa-)?sha-?/, 'sha');
            if (!Object.hasOwn(ALGORITHMS, plain)) throw new Error('Digest method not supported');
            this.#name = plain;
            this.#key = key;
        }
        update(data, encoding) {
            if (this.#parts === null) throw new Error('Digest already called');
            this.#parts.push(textOrBytes(data, 'data', encoding));
            return this;
        }
        digest(encoding) {
            if (this.#parts === null) throw new Error('Digest already called');
            const whole = global.Buffer.concat(this.#parts);
            this.#parts = null;
            const made = global.Buffer.from(sum(this.#name, whole, this.#key));
            return encoding && encoding !== 'buffer' ? made.toString(encoding) : made;
        }
    }
    const timingSafeEqual = (one, other) => {
        const [a, b] = [view(one, 'buf1'), view(other, 'buf2')];
        if (a.length !== b.length) {
            const error = new RangeError('Input buffers must have the same byte length');
            throw Object.assign(error, { code: 'ERR_CRYPTO_TIMING_SAFE_EQUAL_LENGTH' });
        }
        return a.reduce((difference, byte, at) => difference | (byte ^ b[at]), 0) === 0;
    };
    web.subtle = {
        digest: async (algorithm, data) => {
            const name = String(algorithm?.name ?? algorithm).toLowerCase().replace('-', '');
            if (!Object.hasOwn(ALGORITHMS, name)) throw new DOMException('Unrecognized algorithm name', 'NotSupportedError');
            return sum(name, view(data, 'data')).buffer;
        },
    };
    global.crypto = web;
    return {
        ...web, randomInt, randomBytes: (count) => global.Buffer.from(bytes(count)), webcrypto: web,
        createHash: (name) => new Digest(name, null),
        createHmac: (name, key) => new Digest(name, textOrBytes(key, 'key')),
        getHashes: () => Object.keys(ALGORITHMS),
        timingSafeEqual,
    };
}
