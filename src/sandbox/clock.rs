//! Dates in the three writings that the imitated servers use, from a time that is handed in.

use std::time::{SystemTime, UNIX_EPOCH};

/// `2016-01-09 02:02:12Z`, as in Entra's errors.
pub(super) fn entra(time: SystemTime) -> String {
    let t = Civil::from(time);
    format!(
        "{:04}-{:02}-{:02} {:02}:{:02}:{:02}Z",
        t.year, t.month, t.day, t.hour, t.minute, t.second
    )
}

/// `2024-02-14T14:50:26.590Z`, as in Exchange's diagnostic suffix.
pub(super) fn exchange(time: SystemTime) -> String {
    let t = Civil::from(time);
    format!(
        "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z",
        t.year, t.month, t.day, t.hour, t.minute, t.second, t.milli
    )
}

/// `Mon, 4 Aug 2025 11:15:30 +0000`, as in Exchange's greeting.
pub(super) fn mail(time: SystemTime) -> String {
    const DAYS: [&str; 7] = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];
    const MONTHS: [&str; 12] = [
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ];
    let t = Civil::from(time);
    format!(
        "{}, {} {} {:04} {:02}:{:02}:{:02} +0000",
        DAYS[t.weekday],
        t.day,
        MONTHS[t.month - 1],
        t.year,
        t.hour,
        t.minute,
        t.second
    )
}

/// Seconds since 1970, 0 for earlier times.
pub(super) fn unix(time: SystemTime) -> u64 {
    time.duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_secs())
}

struct Civil {
    year: u64,
    month: usize,
    day: u64,
    weekday: usize,
    hour: u64,
    minute: u64,
    second: u64,
    milli: u32,
}

impl From<SystemTime> for Civil {
    /// Howard Hinnant's `civil_from_days`, for days from 1970 on.
    fn from(time: SystemTime) -> Self {
        let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
        let seconds = since.as_secs();
        let days = seconds / 86_400;
        let shifted = days + 719_468;
        let era = shifted / 146_097;
        let day_of_era = shifted % 146_097;
        let year_of_era =
            (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
        let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let from_march = (5 * day_of_year + 2) / 153;
        let (month, next_year) = match from_march {
            0..=9 => (from_march + 3, 0),
            _ => (from_march - 9, 1),
        };
        Self {
            year: year_of_era + era * 400 + next_year,
            month: usize::try_from(month).unwrap_or(1),
            day: day_of_year - (153 * from_march + 2) / 5 + 1,
            weekday: usize::try_from(days % 7).unwrap_or(0),
            hour: seconds / 3_600 % 24,
            minute: seconds / 60 % 60,
            second: seconds % 60,
            milli: since.subsec_millis(),
        }
    }
}
