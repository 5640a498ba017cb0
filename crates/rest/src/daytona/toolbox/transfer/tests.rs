use super::*;

fn form(fields: &[(&str, &str)]) -> Uploads {
    let mut body = String::new();
    for (name, content) in fields {
        body.push_str("--b\r\nContent-Disposition: form-data; name=\"");
        body.push_str(&format!("{name}\"\r\n\r\n{content}\r\n"));
    }
    body.push_str("--b--");
    let mut headers = HeaderMap::new();
    let kind = HeaderValue::from_static("multipart/form-data; boundary=b");
    headers.insert(header::CONTENT_TYPE, kind);
    let source = Box::pin(stream::iter([Ok(Bytes::from(body))]));
    Uploads::new(Multipart::new(&headers, source).expect("it is a form"), Target::Named)
}

async fn read(fields: &[(&str, &str)]) -> Result<Vec<(String, Vec<u8>)>> {
    let mut files: Vec<(String, Vec<u8>)> = Vec::new();
    let mut stream = form(fields).into_stream();
    while let Some(piece) = stream.next().await {
        match piece? {
            FileIn::Begin { path, .. } => files.push((path.into(), Vec::new())),
            FileIn::Data(bytes) => {
                files.last_mut().expect("a file began").1.extend_from_slice(&bytes);
            }
        }
    }
    Ok(files)
}

#[tokio::test]
async fn paths_find_their_files_in_any_order() {
    let expected = vec![("/a".to_owned(), b"A".to_vec()), ("/b".to_owned(), b"B".to_vec())];
    let (path_a, path_b) = (("files[0].path", "/a"), ("files[1].path", "/b"));
    let (file_a, file_b) = (("files[0].file", "A"), ("files[1].file", "B"));
    for fields in [
        [path_a, path_b, file_a, file_b],
        [path_a, file_a, path_b, file_b],
        [path_b, path_a, file_a, file_b],
    ] {
        assert_eq!(read(&fields).await.expect("each path comes first"), expected);
    }
}

#[tokio::test]
async fn a_file_without_a_path_is_refused() {
    let early = read(&[("files[0].file", "A"), ("files[0].path", "/a")]).await;
    let error = early.expect_err("its path comes too late");
    assert!(error.message().contains("before its path"), "{error}");
    assert!(read(&[("other", "x")]).await.is_err());
}

#[test]
fn names_come_back_as_they_were_asked() {
    assert_eq!(filename("/a b.txt"), "filename=\"/a b.txt\"");
    assert_eq!(filename("é\"%"), "filename*=utf-8''%C3%A9%22%25");
    assert_eq!(filename("a\r\nb"), "filename*=utf-8''a%0D%0Ab");
}
