//! What the engine was given besides the language.

use super::*;

/// Each line is an expression that must be true.
pub(super) async fn holds(lines: &str) {
    let list: Vec<_> = lines.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    let body = list.iter().map(|line| format!("try_(() => ({line}))")).collect::<Vec<_>>().join(",\n");
    let text = format!(
        "const try_ = (f) => {{ try {{ return f() }} catch (e) {{ return String(e) }} }};\n\
         const throws = (f, part) => {{ try {{ f() }} catch (e) {{ return String(e).includes(part) || String(e) }} return 'no throw' }};\n\
         exports.handler = async () => [\n{body}\n];"
    );
    let answers = answer(&text).await.unwrap();
    for (line, answer) in list.iter().zip(answers.as_array().unwrap()) {
        assert_eq!(answer, &json!(true), "{line}");
    }
}

#[tokio::test]
async fn the_environment_is_the_configured_one() {
    assert_eq!(value("process.env").await, Ok(json!({"STAGE": "test"})));
}

#[tokio::test]
async fn timers_fire_in_order_and_can_be_cleared() {
    // What must come in order is far apart or begun by what comes before it: a busy machine may stop between any two lines.
    let text = "exports.handler = () => new Promise((resolve) => { const seen = []; let ticks = 0; \
        const tick = () => { seen.push('tick'); if (++ticks === 2) { clearInterval(ticker); setTimeout(() => resolve(seen), 20) } }; \
        let ticker; setTimeout((x) => { seen.push(x); ticker = setInterval(tick, 6) }, 100, 'c'); setTimeout(() => seen.push('a'), 1); \
        clearTimeout(setTimeout(() => seen.push('never'), 5)); queueMicrotask(() => seen.push('micro')); seen.push('sync') })";
    assert_eq!(answer(text).await, Ok(json!(["sync", "micro", "a", "c", "tick", "tick"])));
}

#[tokio::test]
async fn text_is_encoded_and_decoded() {
    holds(
        r#"
        String(new TextEncoder().encode('aé€😀')) === '97,195,169,226,130,172,240,159,152,128'
        new TextDecoder().decode(new TextEncoder().encode('aé€😀')) === 'aé€😀'
        String(new TextEncoder().encode('\ud800')) === '239,191,189'
        new TextDecoder().decode(new Uint8Array([0xc0, 0x80, 0x41])) === '\ufffd\ufffdA'
        new TextDecoder().decode(new Uint8Array([0xe2, 0x82])) === '\ufffd'
        new TextDecoder().decode(new Uint8Array([0xed, 0xa0, 0x80])) === '\ufffd\ufffd\ufffd'
        new TextDecoder().decode(new Uint8Array([0xef, 0xbb, 0xbf, 0x41])) === 'A'
        throws(() => new TextDecoder('utf-8', { fatal: true }).decode(new Uint8Array([0xff])), 'not valid')
        throws(() => new TextDecoder('latin1'), 'not supported')
        atob('YWI=') === 'ab' && btoa('ab') === 'YWI='
        "#,
    )
    .await;
}

#[tokio::test]
async fn buffers_speak_utf8_base64_and_hex() {
    holds(
        r#"
        Buffer.from('aé').toString('hex') === '61c3a9'
        Buffer.from('61c3a9', 'hex').toString() === 'aé'
        Buffer.from('YWI_YQ', 'base64url').toString('base64') === 'YWI/YQ=='
        Buffer.from('YWI/YQ==', 'base64').toString('base64url') === 'YWI_YQ'
        Buffer.from('a b\nYQ', 'base64').length === 3
        Buffer.from('eyJhIjoxfQ', 'base64').toString('utf8') === '{"a":1}'
        Buffer.from([1, 2]).equals(Buffer.from('0102', 'hex'))
        Buffer.isBuffer(Buffer.alloc(2)) && Buffer.alloc(2, 7)[1] === 7
        Buffer.concat([Buffer.from('a'), Buffer.from('b')]).toString() === 'ab'
        Buffer.byteLength('é') === 2
        JSON.stringify(Buffer.from('a')) === '{"type":"Buffer","data":[97]}'
        `${Buffer.from('text')}` === 'text'
        throws(() => Buffer.from('x', 'utf-9'), 'Unknown encoding')
        throws(() => Buffer.from(1), 'must be of type')
        "#,
    )
    .await;
}

#[tokio::test]
async fn buffers_know_nodes_encodings_and_refuse_others() {
    holds(
        r#"
        Buffer.from('é€😀', 'latin1').toString('hex') === 'e9ac3d00' && Buffer.from('é€😀', 'binary').length === 4
        Buffer.from('aé', 'ascii').toString('hex') === '61e9' && Buffer.from([0xe1]).toString('ascii') === 'a'
        Buffer.from('a😀', 'utf16le').toString('hex') === '61003dd800de' && Buffer.from('a😀', 'ucs2').toString('UCS-2') === 'a😀'
        new Buffer('YQ==', 'base64').toString() === 'a' && new Buffer('ab').length === 2 && new Buffer([1, 2])[1] === 2
        new Buffer(2).length === 2 && new Buffer({ type: 'Buffer', data: [7] })[0] === 7
        throws(() => new Buffer(undefined), 'must be of type') && throws(() => new Buffer('a', 'nope'), 'Unknown encoding')
        Buffer.from('abc').subarray(1) instanceof Buffer && Buffer.from('abc').map((byte) => byte + 1).toString() === 'bcd'
        (() => { const b = Buffer.from('abc'); b.slice(1)[0] = 120; return b.toString() === 'axc' })()
        Buffer.isEncoding('HEX') && !Buffer.isEncoding('utf-9')
        throws(() => Buffer.byteLength(undefined), 'must be of type') && Buffer.byteLength('é', 'latin1') === 1
        "#,
    )
    .await;
}

#[tokio::test]
async fn buffers_are_searched_filled_and_compared() {
    holds(
        r#"
        Buffer.from('abcabc').indexOf('ca') === 2 && Buffer.from('abcabc').indexOf('abc', 1) === 3 && Buffer.from('abc').indexOf('62', 'hex') === 1
        Buffer.from('abcabc').lastIndexOf('abc') === 3 && Buffer.from('abcabc').lastIndexOf('abc', 2) === 0 && Buffer.from('abc').indexOf('x') === -1
        Buffer.from('abc').includes('bc') && !Buffer.from('abc').includes('bd') && Buffer.from('abc').includes(98) && Buffer.from('abc').includes(Buffer.from('c'))
        throws(() => Buffer.from('abc').includes({}), 'must be of type')
        Buffer.alloc(5, 'ab').toString() === 'ababa' && Buffer.alloc(2, 'YQ==', 'base64').toString() === 'aa' && Buffer.allocUnsafe(3).length === 3
        Buffer.alloc(5).fill('ab', 1, 3).toString('hex') === '0061620000' && Buffer.alloc(2).fill(300)[1] === 44
        throws(() => Buffer.alloc('3'), 'must be of type number') && throws(() => Buffer.alloc(-1), 'out of range')
        Buffer.compare(Buffer.from('a'), Buffer.from('b')) === -1 && Buffer.from('b').compare(Buffer.from('a')) === 1
        Buffer.from('a').equals(new Uint8Array([97])) && throws(() => Buffer.from('a').equals('a'), 'must be of type')
        (() => { const b = Buffer.alloc(4); return Buffer.from('abcdef').copy(b, 1, 2) === 3 && b.toString('hex') === '00636465' })()
        (() => { const b = Buffer.alloc(5); return b.write('aé€') === 3 && b.toString('hex') === '61c3a90000' })()
        (() => { const b = Buffer.alloc(3); return b.write('6162', 1, 'hex') === 2 && b.toString('hex') === '006162' })()
        Buffer.concat([Buffer.from('ab'), Buffer.from('cd')], 3).toString() === 'abc' && throws(() => Buffer.concat(['ab']), 'must be of type')
        "#,
    )
    .await;
}

#[tokio::test]
async fn buffers_hold_numbers() {
    holds(
        r#"
        Buffer.from('f10203', 'hex').readUInt8() === 0xf1 && Buffer.from('f10203', 'hex').readInt8(0) === -15
        Buffer.from('f10203', 'hex').readUInt16BE(1) === 0x0203 && Buffer.from('f10203', 'hex').readUint16LE(1) === 0x0302
        Buffer.from('f1020304', 'hex').readUInt32BE() === 0xf1020304 && Buffer.from('f1020304', 'hex').readInt32BE() === 0xf1020304 - 2 ** 32
        Buffer.from('04030201', 'hex').readUInt32LE(0) === 0x01020304 && Buffer.from('010203040506', 'hex').readUIntBE(0, 6) === 0x010203040506
        Buffer.from('00000000000000ff', 'hex').readBigUInt64BE() === 255n && Buffer.from('fdff', 'hex').readIntLE(0, 2) === -3
        throws(() => Buffer.alloc(2).readUInt32BE(0), 'out of range') && throws(() => Buffer.alloc(2).readUInt8(2), 'out of range')
        (() => { const b = Buffer.alloc(6); return b.writeUInt32BE(0xdeadbeef, 1) === 5 && b.toString('hex') === '00deadbeef00' })()
        (() => { const b = Buffer.alloc(4); b.writeInt16LE(-2); b.writeUIntBE(0x0102, 2, 2); return b.toString('hex') === 'feff0102' })()
        (() => { const b = Buffer.alloc(8); b.writeDoubleLE(1.5); return b.readDoubleLE() === 1.5 })()
        throws(() => Buffer.alloc(1).writeUInt8(256), 'out of range') && throws(() => Buffer.alloc(1).writeUInt8(-1), 'out of range')
        "#,
    )
    .await;
}

#[tokio::test]
async fn urls_follow_the_standard() {
    holds(
        r#"
        new URL('../b?x=1#h', 'https://user@example.com:8443/a/c').href === 'https://user@example.com:8443/b?x=1#h'
        new URL('HTTPS://EXAMPLE.com:443/é').href === 'https://example.com/%C3%A9'
        new URL('https://a.b/c').origin === 'https://a.b'
        throws(() => new URL('/no'), 'Invalid URL')
        (() => { const u = new URL('https://a/?x=1'); u.searchParams.append('y', 'a b&'); return u.href === 'https://a/?x=1&y=a+b%26' })()
        (() => { const u = new URL('https://a/'); const p = u.searchParams; u.search = '?q=2'; return p.get('q') === '2' })()
        (() => { const u = new URL('https://a/'); u.port = '81'; u.protocol = 'http'; return String(u) === 'http://a:81/' })()
        new URLSearchParams({ scope: 'a b', x: '1' }).toString() === 'scope=a+b&x=1'
        new URLSearchParams('?a=1&a=2&b=%20').getAll('a').join() === '1,2'
        [...new URLSearchParams('a=1&b=2')].join(';') === 'a,1;b,2'
        JSON.stringify(new URL('https://a/')) === '"https://a/"'
        URL.canParse('x:') && !URL.canParse('x')
        "#,
    )
    .await;
}

#[tokio::test]
async fn random_values_differ() {
    holds(
        r#"
        /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/.test(crypto.randomUUID())
        crypto.randomUUID() !== crypto.randomUUID()
        crypto.getRandomValues(new Uint32Array(8)).some((n) => n > 0)
        throws(() => crypto.getRandomValues(new Float64Array(1)), 'integer array')
        throws(() => crypto.getRandomValues(new Uint8Array(65537)), 'Quota')
        require('crypto').randomBytes(16).toString('hex').length === 32
        Array.from({ length: 200 }, () => require('node:crypto').randomInt(3)).every((n) => n >= 0 && n < 3)
        require('crypto').randomInt(5, 6) === 5
        "#,
    )
    .await;
}

/// Of the text `abc`, as FIPS 180 has them, and RFC 4231's second case.
#[tokio::test]
async fn digests_are_the_standards() {
    holds(
        r#"
        require('crypto').createHash('sha256').update('a').update(Buffer.from('bc')).digest('hex') === 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad'
        require('crypto').createHash('SHA1').update('abc').digest('base64') === 'qZk+NkcGgWq6PiVxeFDCbJzQ2J0='
        require('crypto').createHash('sha512').update('').digest().length === 64 && require('crypto').createHash('sha384').digest().length === 48
        require('node:crypto').createHmac('sha256', 'Jefe').update('what do ya want for nothing?').digest('hex') === '5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843'
        require('crypto').timingSafeEqual(Buffer.from('a'), new Uint8Array([97])) && !require('crypto').timingSafeEqual(Buffer.from('a'), Buffer.from('b'))
        throws(() => require('crypto').createHash('md5'), 'Digest method not supported')
        throws(() => { const hash = require('crypto').createHash('sha1'); hash.digest(); hash.digest(); }, 'Digest already called')
        throws(() => require('crypto').createHash('sha1').update(5), 'must be of type string')
        "#,
    )
    .await;
    let text = "exports.handler = async () => Buffer.from(await crypto.subtle.digest('SHA-256', new TextEncoder().encode('abc'))).toString('base64url');";
    assert_eq!(answer(text).await, Ok(json!("ungWv48Bz-pBQUDeXa4iI7ADYaOWF3qctBD_YfIAFa0")));
}

/// A check that lets wrong types pass would let everybody in.
#[tokio::test]
async fn digests_and_comparisons_take_bytes_only() {
    holds(
        r#"
        throws(() => require('crypto').timingSafeEqual('right', 'wrong'), 'must be an instance of')
        throws(() => require('crypto').timingSafeEqual(Buffer.from('a'), 'a'), 'must be an instance of')
        throws(() => require('crypto').timingSafeEqual(undefined, undefined), 'must be an instance of')
        throws(() => require('crypto').timingSafeEqual([1], [2]), 'must be an instance of')
        throws(() => require('crypto').timingSafeEqual(Buffer.from('a'), Buffer.from('ab')), 'RangeError: Input buffers must have the same byte length')
        require('crypto').timingSafeEqual(new Uint8Array([1]).buffer, new DataView(new Uint8Array([1]).buffer))
        throws(() => require('crypto').createHmac('sha256', undefined), 'TypeError: The "key" argument')
        throws(() => require('crypto').createHmac('sha256', null), 'TypeError: The "key" argument')
        throws(() => require('crypto').createHmac('sha256', 5), 'TypeError: The "key" argument')
        throws(() => require('crypto').createHmac('sha256'), 'TypeError: The "key" argument')
        throws(() => require('crypto').createHmac('sha256', 'k').update(undefined), 'TypeError: The "data" argument')
        throws(() => require('crypto').createHash('sha256').update([1]), 'TypeError: The "data" argument')
        require('crypto').createHmac('sha256', new Uint8Array([107])).update('x').digest('hex') === require('crypto').createHmac('sha256', 'k').update(Buffer.from('x')).digest('hex')
        (() => { try { require('crypto').createHmac('sha256') } catch (e) { return e.code === 'ERR_INVALID_ARG_TYPE' } })()
        "#,
    )
    .await;
    for wrong in ["'abc'", "undefined", "null", "5", "[1]", "{}"] {
        let text = format!("exports.handler = async () => {{ await crypto.subtle.digest('SHA-256', {wrong}) }}");
        assert_eq!(thrown(answer(&text).await).0, "TypeError", "{wrong}");
    }
}

#[tokio::test]
async fn paths_queries_and_events_are_nodes() {
    holds(
        r#"
        require('path').join('/a', '../b', './c.txt') === '/b/c.txt' && require('node:path').extname('a/b.tar.gz') === '.gz'
        require('path').resolve('x') === '/var/task/x' && require('path').relative('/a/b', '/a/c/d') === '../c/d'
        JSON.stringify(require('path').parse('/a/b.c')) === '{"root":"/","dir":"/a","base":"b.c","ext":".c","name":"b"}'
        require('path').posix === require('path') && require('path').basename('/a/b.js', '.js') === 'b'
        JSON.stringify(require('querystring').parse('a=1&b=x+y&a=%C3%BC&c')) === '{"a":["1","ü"],"b":"x y","c":""}'
        require('querystring').stringify({ a: [1, true], b: 'x y', c: null }) === 'a=1&a=true&b=x%20y&c='
        (() => { const told = []; const e = new (require('events'))(); e.on('a', (v) => told.push(v)); e.once('a', (v) => told.push(-v)); e.emit('a', 1); e.emit('a', 2); return told.join() === '1,-1,2' && e.listenerCount('a') === 1 })()
        (() => { class Own extends require('events').EventEmitter {} return new Own() instanceof require('node:events') })()
        throws(() => new (require('events'))().emit('error', new Error('told')), 'told')
        "#,
    )
    .await;
    let text = "import { join } from 'path'; import EventEmitter, { once } from 'node:events'; import * as query from 'querystring'; import { createHash } from 'crypto';
        export const handler = async () => { const e = new EventEmitter(); setTimeout(() => e.emit('x', join('a', 'b')), 1); return [await once(e, 'x'), query.escape('ä'), createHash('sha1').digest().length]; };";
    assert_eq!(run(&script_in("handler.mjs", text), json!({})).await, Ok(json!([["a/b"], "%C3%A4", 20])));
}

#[tokio::test]
async fn callbacks_become_promises_and_times_differences() {
    let text = "const { promisify } = require('util'); \
        exports.handler = async () => { \
        const waited = await promisify(setTimeout)(5, 'later'); \
        const store = { base: 2, add(x, done) { done(null, this.base + x) }, fail(done) { done('no') } }; \
        store.addLater = promisify(store.add); store.failLater = promisify(store.fail); \
        const own = () => {}; own[promisify.custom] = async () => 'own'; \
        const start = process.hrtime(); await promisify(setImmediate)(); const [seconds, nanoseconds] = process.hrtime(start); \
        let refused; try { promisify(5) } catch (error) { refused = error.code } \
        return [waited, await store.addLater(3), await store.failLater().catch((e) => e), await promisify(own)(), \
        seconds < 5 && nanoseconds >= 0 && nanoseconds < 1e9 && seconds >= 0, process.hrtime([0, 0])[0] >= 0, refused] }";
    let expected = json!(["later", 5, "no", "own", true, true, "ERR_INVALID_ARG_TYPE"]);
    assert_eq!(answer(text).await, Ok(expected));
    let text = "exports.handler = (event, context, callback) => { const start = process.hrtime(); \
        setTimeout(() => { const [s, n] = process.hrtime(start); callback(null, s * 1e9 + n) }, 20) }";
    let span = answer(text).await.unwrap().as_f64().unwrap();
    assert!((15e6..4e9).contains(&span), "{span}");
}

#[tokio::test]
async fn structures_are_cloned_deeply() {
    holds(
        r#"
        (() => { const a = { d: new Date(5), m: new Map([[1, { x: 1 }]]), s: new Set([1]) }; a.self = a; const b = structuredClone(a); return b !== a && b.self === b && b.d.getTime() === 5 && b.m.get(1).x === 1 && b.m.get(1) !== a.m.get(1) && b.s.has(1) })()
        structuredClone(new Uint8Array([1, 2])).join() === '1,2'
        structuredClone(new TypeError('x')) instanceof TypeError
        structuredClone([1n, null, undefined]).length === 3
        throws(() => structuredClone(() => 1), 'could not be cloned')
        throws(() => structuredClone(Symbol('x')), 'could not be cloned')
        "#,
    )
    .await;
}

#[tokio::test]
async fn only_listed_modules_can_be_required() {
    holds(
        r#"
        require('buffer').Buffer === Buffer && require('node:util').promisify instanceof Function
        throws(() => require('fs'), "Cannot find module 'fs'")
        throws(() => require('./other'), "Cannot find module './other'")
        throws(() => require('constructor'), "Cannot find module")
        typeof fetch === 'undefined' && typeof XMLHttpRequest === 'undefined'
        typeof __handover === 'undefined'
        "#,
    )
    .await;
}

/// Neither files nor processes, neither this machine's ports nor others: whatever would lead there is not there.
#[tokio::test]
async fn nothing_leads_out_of_the_engine() {
    let modules = "fs fs/promises net http https http2 dgram dns tls child_process worker_threads cluster vm module inspector \
                   std os qjs:std qjs:os bjson /proc/self/environ ../../../etc/passwd file:///etc/passwd";
    for module in modules.split(' ') {
        for name in [module.to_owned(), format!("node:{module}")] {
            let required = format!(
                "exports.handler = async () => {{ try {{ require('{name}') }} catch (e) {{ return e.message }} }}"
            );
            assert_eq!(answer(&required).await, Ok(json!(format!("Cannot find module '{name}'"))));
            let imported = format!("exports.handler = () => import('{name}').then(() => 'there', () => 'nowhere')");
            assert_eq!(answer(&imported).await, Ok(json!("nowhere")), "{name}");
        }
    }
    let names = "fetch XMLHttpRequest WebSocket EventSource Deno Bun std os bjson scriptArgs loadScript Worker WebAssembly \
                 process.binding process.dlopen process.kill process.mainModule require.cache require.main \
                 module.constructor._load globalThis.__proto__.require";
    for name in names.split(' ') {
        let text = format!(
            "exports.handler = () => {{ try {{ return typeof ({name}) }} catch (e) {{ return 'undefined' }} }}"
        );
        assert_eq!(answer(&text).await, Ok(json!("undefined")), "{name}");
    }
    // The constructor of functions makes more of the same, in the same place.
    let text = "exports.handler = () => new Function('return typeof fetch + typeof process.env.HOME')()";
    assert_eq!(answer(text).await, Ok(json!("undefinedundefined")));
}

#[tokio::test]
async fn anything_can_be_logged() {
    let text = "exports.handler = async () => { const loop = {}; loop.loop = loop; \
        const util = require('util'); \
        console.log(1, 'a', null, undefined, { a: [1n] }, loop, Symbol('s'), () => 1, new Error('e'), new Map([[1, 2]])); \
        console.error('%s is %d%% %j', 'x', 5, { a: 1 }, 'rest'); console.warn(); console.debug({ toJSON() { throw 1 } }); \
        return [util.format('%s is %d%% %j', 'x', 5, { a: 1 }, 'rest'), util.format(loop, { a: 'b' }), util.format('a', 'b')] }";
    let expected = json!(["x is 5% {\"a\":1} rest", "{\"loop\":\"[Circular]\"} {\"a\":\"b\"}", "a b"]);
    assert_eq!(answer(text).await, Ok(expected));
}
