// The engine keeps small blocks of memory in pages of 4 kB, one size to a page, and gives a page back with its last block. A call
// that takes a page for a moment would ask the allocator for it each time, which costs more than all the rest of a usual call. So
// there is a block in a page of each size that stays, with the rest of its page empty.
() => {
    const page = 4096;
    const largest = 512;
    const stay = [];
    for (let size = 1; size < largest; size += size < 128 ? 8 : size < 256 ? 16 : 32) {
        const blocks = [];
        // More than fit into what is left of other pages.
        for (let filled = 0; filled <= page; filled += size + 16) blocks.push('x'.repeat(size));
        stay.push(blocks.pop());
    }
    return stay;
}
