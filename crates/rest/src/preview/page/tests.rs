use super::*;

#[tokio::test]
async fn foreign_text_is_escaped_and_nothing_can_run() {
    let error = Error::conflict("the sandbox `<script>\"x\"&'` is stopped").with_hint("a <b>");
    let response = of(&error);
    assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(response.headers()[WHY], "conflict");
    assert!(
        response.headers()[header::CONTENT_SECURITY_POLICY]
            .as_bytes()
            .starts_with(b"default-src 'none'")
    );
    let body = response.into_body().collect().await.expect("a body").to_bytes();
    let text = String::from_utf8(body.to_vec()).expect("text");
    assert!(text.contains("&lt;script&gt;&quot;x&quot;&amp;&#39;") && text.contains("a &lt;b&gt;"));
    assert!(!text.contains("<script") && !text.contains("<b>"), "{text}");
}
