// crypto: random values from the host. Keys and digests are not offered.
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
    global.crypto = web;
    return { ...web, randomInt, randomBytes: (count) => global.Buffer.from(bytes(count)), webcrypto: web };
}
