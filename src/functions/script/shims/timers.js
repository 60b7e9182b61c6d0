// setTimeout and its family. The host asks when the next one is due, sleeps that long and lets it fire.
(host, global) => {
    const timers = new Map();
    let last = 0;

    const delayOf = (delay) => {
        const wanted = Math.trunc(Number(delay));
        return wanted >= 1 && wanted <= 2147483647 ? wanted : 1;
    };
    const start = (callback, delay, repeats, values) => {
        if (typeof callback !== 'function') {
            throw new TypeError('The "callback" argument must be of type function.');
        }
        const every = delayOf(delay);
        const timer = { callback, values, due: host.now() + every, every: repeats ? every : 0 };
        last += 1;
        const id = last;
        timers.set(id, timer);
        return handleOf(id);
    };
    const handleOf = (id) => ({
        ref() { return this; },
        unref() { return this; },
        hasRef() { return timers.has(id); },
        [Symbol.toPrimitive]() { return id; },
    });
    const stop = (handle) => {
        if (handle !== undefined && handle !== null) timers.delete(Number(handle));
    };

    global.setTimeout = (callback, delay, ...values) => start(callback, delay, false, values);
    global.setInterval = (callback, delay, ...values) => start(callback, delay, true, values);
    global.setImmediate = (callback, ...values) => start(callback, 1, false, values);
    global.clearTimeout = stop;
    global.clearInterval = stop;
    global.clearImmediate = stop;

    // The engine drops what a microtask throws. A timer's throw is heard.
    const queue = global.queueMicrotask;
    global.queueMicrotask = (callback) => {
        if (typeof callback !== 'function') throw new TypeError('The "callback" argument must be of type function.');
        queue(() => {
            try {
                callback();
            } catch (error) {
                start(() => { throw error; }, 1, false, []);
            }
        });
    };

    // The id of the earliest timer: among equals the older one, for a Map keeps the order of insertion.
    const earliest = () => {
        let found = 0;
        let due = Infinity;
        for (const [id, timer] of timers) {
            if (timer.due < due) [found, due] = [id, timer.due];
        }
        return found;
    };

    return {
        // Milliseconds until the next timer is due; below zero when there is none.
        wait: () => {
            const id = earliest();
            return id === 0 ? -1 : Math.max(0, timers.get(id).due - host.now());
        },
        fire: () => {
            const id = earliest();
            if (id === 0) return;
            const timer = timers.get(id);
            if (timer.every > 0) timer.due = host.now() + timer.every;
            else timers.delete(id);
            timer.callback(...timer.values);
        },
    };
}
