// URL and URLSearchParams. The host parses and changes addresses; this is their shape.
(host, global) => {
    const PARTS = ['href', 'origin', 'protocol', 'username', 'password', 'host', 'hostname', 'port', 'pathname', 'search', 'hash'];
    const text = (value) => String(value).toWellFormed();

    class URLSearchParams {
        #pairs = [];
        #changed = null;
        constructor(source = '') {
            if (typeof source === 'object' && source !== null && typeof source[Symbol.iterator] === 'function') {
                for (const pair of source) {
                    const both = [...pair];
                    if (both.length !== 2) throw new TypeError('Each query pair must be an iterable [name, value] tuple');
                    this.#pairs.push(both.map(text));
                }
            } else if (typeof source === 'object' && source !== null) {
                for (const name of Object.keys(source)) this.#pairs.push([text(name), text(source[name])]);
            } else {
                this.#read(text(source));
            }
        }
        static of(search, changed) {
            const made = new URLSearchParams(search);
            made.#changed = changed;
            return made;
        }
        static refresh(params, search) { params.#read(search); }
        #read(search) {
            this.#pairs = JSON.parse(host.formParse(search.startsWith('?') ? search.slice(1) : search));
        }
        #write() { this.#changed?.(this.toString()); }
        get size() { return this.#pairs.length; }
        append(name, value) { this.#pairs.push([text(name), text(value)]); this.#write(); }
        delete(name, value) {
            this.#pairs = this.#pairs.filter(([key, own]) => key !== text(name) || (value !== undefined && own !== text(value)));
            this.#write();
        }
        get(name) { return this.#pairs.find(([key]) => key === text(name))?.[1] ?? null; }
        getAll(name) { return this.#pairs.filter(([key]) => key === text(name)).map(([, value]) => value); }
        has(name, value) {
            return this.#pairs.some(([key, own]) => key === text(name) && (value === undefined || own === text(value)));
        }
        set(name, value) {
            const first = this.#pairs.findIndex(([key]) => key === text(name));
            if (first < 0) this.#pairs.push([text(name), text(value)]);
            else {
                this.#pairs[first][1] = text(value);
                this.#pairs = this.#pairs.filter(([key], at) => at <= first || key !== text(name));
            }
            this.#write();
        }
        sort() {
            this.#pairs.sort(([left], [right]) => (left < right ? -1 : Number(left > right)));
            this.#write();
        }
        forEach(callback, self) { for (const [name, value] of this) callback.call(self, value, name, this); }
        * entries() { for (let at = 0; at < this.#pairs.length; at += 1) yield [...this.#pairs[at]]; }
        * keys() { for (const [name] of this.entries()) yield name; }
        * values() { for (const [, value] of this.entries()) yield value; }
        [Symbol.iterator]() { return this.entries(); }
        toString() { return host.formWrite(JSON.stringify(this.#pairs)); }
    }

    class URL {
        #parts;
        #params = null;
        constructor(address, base) {
            const parts = host.urlParse(text(address), base === undefined ? null : text(base));
            if (parts === undefined) {
                const error = new TypeError('Invalid URL');
                error.code = 'ERR_INVALID_URL';
                error.input = String(address);
                throw error;
            }
            this.#parts = JSON.parse(parts);
        }
        static canParse(address, base) { return host.urlParse(text(address), base === undefined ? null : text(base)) !== undefined; }
        static parse(address, base) { return URL.canParse(address, base) ? new URL(address, base) : null; }
        static part(url, name) { return url.#parts[name]; }
        static change(url, name, value) {
            const parts = host.urlChange(url.#parts.href, name, text(value));
            if (parts === undefined) {
                if (name === 'href') throw new TypeError('Invalid URL');
                return;
            }
            url.#parts = JSON.parse(parts);
            if (url.#params && (name === 'search' || name === 'href')) refresh(url.#params, url.#parts.search);
        }
        get searchParams() {
            this.#params ??= of(this.#parts.search, (search) => {
                this.#parts = JSON.parse(host.urlChange(this.#parts.href, 'search', search));
            });
            return this.#params;
        }
        toString() { return this.#parts.href; }
        toJSON() { return this.#parts.href; }
    }
    // The doors to the private fields, kept here and taken off the classes.
    const { part, change } = URL;
    const { of, refresh } = URLSearchParams;
    for (const name of PARTS) {
        Object.defineProperty(URL.prototype, name, {
            get() { return part(this, name); },
            set: name === 'origin' ? undefined : function (value) { change(this, name, value); },
            enumerable: true,
            configurable: true,
        });
    }
    delete URL.part;
    delete URL.change;
    delete URLSearchParams.of;
    delete URLSearchParams.refresh;
    global.URL = URL;
    global.URLSearchParams = URLSearchParams;
}
