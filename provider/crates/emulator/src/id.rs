//! Fresh ids, in the shapes the cloud gives them.

/// `prefix` and twenty letters and digits, as in `m-bp1…`.
pub(crate) fn resource(prefix: &str) -> String {
    format!("{prefix}{}", text(20, b"abcdefghijklmnopqrstuvwxyz0123456789"))
}

/// A key, secret or token's worth of letters and digits.
pub(crate) fn opaque(length: usize) -> String {
    text(length, b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789")
}

/// `473469C7-AA6F-4DC5-B3DB-A3DC0DE3C83E`
pub(crate) fn request() -> String {
    let hex = format!("{:032X}", rand::random::<u128>());
    format!("{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..])
}

fn text(length: usize, alphabet: &[u8]) -> String {
    (0..length).map(|_| char::from(alphabet[rand::random::<u32>() as usize % alphabet.len()])).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_look_like_the_clouds() {
        let id = resource("m-");
        assert!(id.len() == 22 && id.starts_with("m-"), "{id}");
        assert_ne!(resource("m-"), id);
        let parts: Vec<usize> = request().split('-').map(str::len).collect();
        assert_eq!(parts, [8, 4, 4, 4, 12]);
        assert_eq!(opaque(30).len(), 30);
    }
}
