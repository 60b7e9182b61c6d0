// path: that of POSIX. There are no files here, but names of them.
() => {
    const normal = (path, absolute) => {
        const parts = [];
        for (const part of path.split('/')) {
            if (part === '' || part === '.') continue;
            if (part !== '..') parts.push(part);
            else if (parts.length && parts.at(-1) !== '..') parts.pop();
            else if (!absolute) parts.push('..');
        }
        return parts.join('/');
    };
    const isAbsolute = (path) => path.startsWith('/');
    const normalize = (path) => {
        const body = normal(path, isAbsolute(path));
        if (body === '') return isAbsolute(path) ? '/' : path.endsWith('/') ? './' : '.';
        return (isAbsolute(path) ? '/' : '') + body + (path.endsWith('/') ? '/' : '');
    };
    const join = (...paths) => normalize(paths.filter((path) => path !== '').join('/'));
    const resolve = (...paths) => {
        let whole = '';
        for (const path of ['/var/task', ...paths]) {
            if (path !== '') whole = isAbsolute(path) ? path : `${whole}/${path}`;
        }
        return `/${normal(whole, true)}`;
    };
    const trimmed = (path) => (path.length > 1 ? path.replace(/\/+$/, '') || '/' : path);
    const basename = (path, ending = '') => {
        if (ending && path === ending) return '';
        const name = trimmed(path).split('/').at(-1);
        return ending && name !== ending && name.endsWith(ending) ? name.slice(0, -ending.length) : name;
    };
    const folder = (path) => {
        const whole = trimmed(path);
        const at = whole.lastIndexOf('/');
        return at === 0 ? '/' : whole.slice(0, Math.max(at, 0));
    };
    const dirname = (path) => folder(path) || '.';
    const extname = (path) => {
        const name = basename(path);
        const at = name.lastIndexOf('.');
        return at <= 0 || name === '..' ? '' : name.slice(at);
    };
    const relative = (from, to) => {
        const [a, b] = [resolve(from), resolve(to)].map((path) => path.split('/').filter(Boolean));
        let same = 0;
        while (same < a.length && same < b.length && a[same] === b[same]) same += 1;
        return [...a.slice(same).map(() => '..'), ...b.slice(same)].join('/');
    };
    const parse = (path) => {
        const base = basename(path);
        const ext = extname(path);
        const root = isAbsolute(path) ? '/' : '';
        return { root, dir: folder(path), base, ext, name: ext ? base.slice(0, -ext.length) : base };
    };
    const format = ({ root = '', dir, base, name = '', ext = '' }) => {
        const last = base ?? name + (ext && !ext.startsWith('.') ? `.${ext}` : ext);
        if (!dir) return root + last;
        return dir === root ? dir + last : `${dir}/${last}`;
    };
    const path = { sep: '/', delimiter: ':', isAbsolute, normalize, join, resolve, basename, dirname, extname, relative, parse, format };
    path.posix = path;
    return path;
}
