// Date in UTC, as Lambda has it, wherever the server stands. The engine knows the zone of its process only. Its UTC methods and its
// parser do the work: what has a local and a UTC form becomes the latter.
(host, global) => {
    const Own = global.Date;
    const { UTC: fromFields, parse: parseOwn, prototype } = Own;
    const { getTime, setTime, getUTCFullYear, setUTCFullYear, getUTCHours, toUTCString } = prototype;

    for (const part of ['Date', 'Day', 'FullYear', 'Hours', 'Milliseconds', 'Minutes', 'Month', 'Seconds']) {
        prototype[`get${part}`] = prototype[`getUTC${part}`];
        if (part !== 'Day') prototype[`set${part}`] = prototype[`setUTC${part}`];
    }

    // Of `Tue, 02 Jan 2018 23:04:46 GMT`. Nothing of a date that is invalid.
    const written = (date, form) => {
        const text = toUTCString.call(date);
        const [weekday, day, month, year, time] = text.split(' ');
        if (time === undefined) return text;
        return form({ weekday: weekday.slice(0, 3), day, month, year, time, hours: getUTCHours.call(date) });
    };
    const MONTHS = 'JanFebMarAprMayJunJulAugSepOctNovDec';
    const two = (number) => String(number).padStart(2, '0');
    const dateOf = ({ weekday, day, month, year }) => `${weekday} ${month} ${day} ${year}`;
    const timeOf = ({ time }) => `${time} GMT+0000`;
    const wholeOf = (parts) => `${dateOf(parts)} ${timeOf(parts)}`;
    const localDateOf = ({ day, month, year }) => `${two(MONTHS.indexOf(month) / 3 + 1)}/${day}/${year}`;
    const localTimeOf = ({ time, hours }) => `${two((hours + 11) % 12 + 1)}${time.slice(2)} ${hours < 12 ? 'AM' : 'PM'}`;

    // Assigned one by one: they stay as hidden as those that they replace.
    Object.entries({
        toString() { return written(this, wholeOf); },
        toDateString() { return written(this, dateOf); },
        toTimeString() { return written(this, timeOf); },
        toLocaleString() { return written(this, (parts) => `${localDateOf(parts)}, ${localTimeOf(parts)}`); },
        toLocaleDateString() { return written(this, localDateOf); },
        toLocaleTimeString() { return written(this, localTimeOf); },
        getTimezoneOffset() { return Number.isNaN(getTime.call(this)) ? NaN : 0; },
        getYear() { return getUTCFullYear.call(this) - 1900; },
        setYear(year) {
            getTime.call(this);
            const whole = Math.trunc(Number(year));
            if (Number.isNaN(whole)) return setTime.call(this, NaN);
            return setUTCFullYear.call(this, whole >= 0 && whole <= 99 ? 1900 + whole : whole);
        },
    }).forEach(([name, method]) => { prototype[name] = method; });

    // The format of ECMAScript. Without a time it is UTC, as with a zone.
    const ISO = /^(?:\d{4}|[+-]\d{6})(?:-(?!00)\d\d-(?!00)\d\d|(?:-(?!00)\d\d)?(?=[TZ+]|$))(T\d\d:\d\d(?::\d\d(?:[.,]\d{1,9})?)?)?(Z|[+-](?:[01]\d|2[0-3])(?::?[0-5]\d)?)?$/;
    const parseText = (text) => {
        const iso = ISO.exec(text);
        if (iso) return parseOwn(iso[1] && !iso[2] ? `${text}Z` : text);
        // In every other format a zone may stand anywhere, and the last one counts.
        return parseOwn(`Z ${text}`);
    };
    const timeIn = (date) => {
        try {
            return getTime.call(date);
        } catch {
            return undefined;
        }
    };
    const timeOfOne = (value) => {
        if (typeof value === 'string') return parseText(value);
        if (typeof value !== 'object' && typeof value !== 'function' || value === null) return value;
        const time = timeIn(value);
        if (time !== undefined) return time;
        // Makes a number or a text of it, whichever it wants to be.
        const primitive = value + 0;
        return typeof primitive === 'string' ? parseText(primitive.slice(0, -1)) : primitive;
    };
    // By `Reflect.construct` it makes dates of classes that extend it.
    const Date = function Date(...values) {
        if (new.target === undefined) return written(new Own(), wholeOf);
        if (values.length === 0) return Reflect.construct(Own, values, new.target);
        const time = values.length === 1 ? timeOfOne(values[0]) : fromFields(...values);
        return Reflect.construct(Own, [time], new.target);
    };
    Object.defineProperties(Date, Object.getOwnPropertyDescriptors(Own));
    Date.parse = { parse(text) { return parseText(String(text)); } }.parse;
    prototype.constructor = Date;
    global.Date = Date;
}
