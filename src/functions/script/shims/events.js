// events: EventEmitter as handlers use it. Listeners are called at once, in the order in which they came.
(global) => {
    class EventEmitter {
        #listeners = new Map();
        #add(name, listener, once, first) {
            if (typeof listener !== 'function') throw new TypeError('The "listener" argument must be of type function.');
            const list = this.#listeners.get(name) ?? [];
            const entry = { listener, once };
            this.#listeners.set(name, first ? [entry, ...list] : [...list, entry]);
            return this;
        }
        on(name, listener) { return this.#add(name, listener, false, false); }
        addListener(name, listener) { return this.on(name, listener); }
        once(name, listener) { return this.#add(name, listener, true, false); }
        prependListener(name, listener) { return this.#add(name, listener, false, true); }
        prependOnceListener(name, listener) { return this.#add(name, listener, true, true); }
        off(name, listener) {
            const list = this.#listeners.get(name) ?? [];
            const at = list.findLastIndex((entry) => entry.listener === listener);
            if (at >= 0) this.#keep(name, list.toSpliced(at, 1));
            return this;
        }
        #keep(name, list) {
            if (list.length) this.#listeners.set(name, list);
            else this.#listeners.delete(name);
        }
        removeListener(name, listener) { return this.off(name, listener); }
        removeAllListeners(name) {
            if (name === undefined) this.#listeners.clear();
            else this.#listeners.delete(name);
            return this;
        }
        emit(name, ...values) {
            const list = this.#listeners.get(name) ?? [];
            if (!list.length && name === 'error') throw values[0] instanceof Error ? values[0] : new Error(`Unhandled error. (${String(values[0])})`);
            for (const entry of list) {
                if (entry.once) this.off(name, entry.listener);
                entry.listener.apply(this, values);
            }
            return list.length > 0;
        }
        listeners(name) { return (this.#listeners.get(name) ?? []).map(({ listener }) => listener); }
        listenerCount(name) { return this.listeners(name).length; }
        eventNames() { return [...this.#listeners.keys()]; }
        setMaxListeners() { return this; }
    }
    const once = (emitter, name) => new Promise((resolve, reject) => {
        const failed = (error) => { emitter.off(name, done); reject(error); };
        const done = (...values) => { emitter.off('error', failed); resolve(values); };
        emitter.once(name, done);
        if (name !== 'error') emitter.once('error', failed);
    });
    return Object.assign(EventEmitter, { EventEmitter, once });
}
