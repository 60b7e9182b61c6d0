//! `Date` is in UTC, wherever the server stands. The zone of a process cannot be changed while it runs, so that each test runs once
//! more, in a process of its own and in a zone that is far from UTC and has summer time.

use std::process::Command;

use super::shims::holds;

/// No zone that a machine has, so that none must be installed.
const ZONE: &str = "XST-12:45XDT,M9.5.0/2:45,M4.1.0/3:45";
/// Tells a test that it is the one in the other zone.
const AWAY: &str = "POOLHOUSE_TEST_AWAY";

/// Whether this process is the one in the other zone. In the test's own process it runs that one, and looks how it ended.
fn is_away(test: &str) -> bool {
    if std::env::var_os(AWAY).is_some() {
        return true;
    }
    let name = format!("functions::script::tests::dates::{test}");
    let child = Command::new(std::env::current_exe().unwrap())
        .args([&name, "--exact", "--test-threads=1"])
        .env("TZ", ZONE)
        .env(AWAY, "1")
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&child.stdout);
    assert!(child.status.success() && said.contains("1 passed"), "{said}");
    false
}

#[tokio::test]
async fn what_is_local_is_utc() {
    if !is_away("what_is_local_is_utc") {
        return;
    }
    holds(
        r#"
        new Date(1529107199123).getTimezoneOffset() === 0 && Number.isNaN(new Date(NaN).getTimezoneOffset())
        (d => [d.getFullYear(), d.getMonth(), d.getDate(), d.getDay(), d.getHours(), d.getMinutes(), d.getSeconds(), d.getMilliseconds(), d.getYear()].join())(new Date(1529107199123)) === '2018,5,15,5,23,59,59,123,118'
        new Date(2018, 5, 15, 23, 59, 59, 123).getTime() === 1529107199123
        new Date(99, 0).toISOString() === '1999-01-01T00:00:00.000Z' && Number.isNaN(new Date(2018, NaN).getTime())
        (d => { d.setFullYear(2020, 1, 29); d.setHours(1, 2, 3, 4); return d.toISOString() })(new Date(0)) === '2020-02-29T01:02:03.004Z'
        (d => { d.setMonth(5); d.setDate(15); d.setMinutes(6); d.setSeconds(7); d.setMilliseconds(8); return d.toISOString() })(new Date(0)) === '1970-06-15T00:06:07.008Z'
        (d => { d.setYear(99); return d.toISOString() })(new Date(0)) === '1999-01-01T00:00:00.000Z'
        (d => Number.isNaN(d.setYear('x')) && Number.isNaN(d.getTime()))(new Date(0))
        "#,
    )
    .await;
}

#[tokio::test]
async fn texts_are_written_and_read_in_utc() {
    if !is_away("texts_are_written_and_read_in_utc") {
        return;
    }
    holds(
        r#"
        String(new Date(1529107199123)) === 'Fri Jun 15 2018 23:59:59 GMT+0000'
        new Date(1529107199123).toDateString() === 'Fri Jun 15 2018' && new Date(1529107199123).toTimeString() === '23:59:59 GMT+0000'
        new Date(1529107199123).toLocaleString() === '06/15/2018, 11:59:59 PM'
        new Date(1529107199123).toLocaleDateString() === '06/15/2018' && new Date(0).toLocaleTimeString() === '12:00:00 AM'
        `${new Date(NaN)} ${new Date(NaN).toDateString()}` === 'Invalid Date Invalid Date'
        new Date(-62198755200000).toString() === 'Fri Jan 01 -0001 00:00:00 GMT+0000'
        Date().endsWith(' GMT+0000') && Math.abs(Date.parse(Date(0)) - Date.now()) < 5000
        Date.parse('2018-06-15T23:59:59.123') === 1529107199123 && new Date('2018-06-15T23:59').getTime() === 1529107140000
        Date.parse('2018-06-15T23:59:59.123Z') === 1529107199123 && Date.parse('2018-06-15T23:59:59.123+02:00') === 1529099999123
        Date.parse('2018-06-15') === 1529020800000 && Date.parse('2018-06-15 23:59:59') === 1529107199000
        Date.parse('Jun 15, 2018') === 1529020800000 && Date.parse('6/15/2018 11:59 PM') === 1529107140000
        Date.parse('Fri Jun 15 2018 23:59:59 GMT+0200 (CEST)') === 1529099999000 && Date.parse('Fri, 15 Jun 2018 23:59:59 EST') === 1529125199000
        Date.parse(new Date(1529107199000).toString()) === 1529107199000 && Date.parse(new Date(1529107199000).toUTCString()) === 1529107199000
        Number.isNaN(Date.parse('2018-13-01')) && Number.isNaN(Date.parse('tomorrow')) && Number.isNaN(Date.parse())
        "#,
    )
    .await;
}

#[tokio::test]
async fn the_class_stays_what_it_was() {
    if !is_away("the_class_stays_what_it_was") {
        return;
    }
    holds(
        r#"
        Date.length === 7 && Date.name === 'Date' && Math.abs(Date.now() - new Date()) < 5000 && Date.UTC(1970, 0) === 0
        typeof Date(0) === 'string' && new Date() instanceof Date && new Date().constructor === Date
        Object.prototype.toString.call(new Date()) === '[object Date]'
        new (new Date().constructor)(1970, 0).getTime() === 0
        Object.keys(Date).length === 0 && Object.keys(Date.prototype).length === 0 && !Object.keys(globalThis).includes('Date')
        !Object.getOwnPropertyDescriptor(Date, 'prototype').writable && Date.prototype.getHours.length === 0 && Date.prototype.setHours.length === 4
        (Own => new Own().hour === 7 && new Own() instanceof Own && new Own() instanceof Date)(class extends Date { constructor() { super(1970, 0, 1, 7) } get hour() { return this.getHours() } })
        (Own => new Own('1970-01-01T00:00').getTime() === 0 && Own.parse('1970-01-01T00:00') === 0)(class extends Date {})
        Reflect.construct(Date, [5], Array) instanceof Array
        new Date(new Date(1234)).getTime() === 1234 && new Date({ valueOf: () => 5 }).getTime() === 5 && new Date(null).getTime() === 0
        new Date(new String('1970-01-01T00:00')).getTime() === 0 && new Date({ toString: () => '1970-01-01T00:00' }).getTime() === 0
        throws(() => new Date(5n), 'BigInt') && throws(() => Date.prototype.getHours.call({}), 'Date') && throws(() => Date.prototype.toString.call({}), 'Date')
        JSON.stringify(new Date(5)) === '"1970-01-01T00:00:00.005Z"' && new Date(5) + '' === 'Thu Jan 01 1970 00:00:00 GMT+0000' && new Date(5) - 1 === 4
        structuredClone(new Date(5)).getTime() === 5 && structuredClone(new Date(5)) instanceof Date
        "#,
    )
    .await;
}
