//! One question over TCP (RFC 7766), or over what carries messages as TCP does.

use std::net::SocketAddr;

use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::TcpStream,
};

use super::{Answer, Failure, Malformation, Question, malformed, random_id, undivided};

/// Asks once. The caller holds the deadline; an answer has at most 65,535 octets.
pub(super) async fn exchange(server: SocketAddr, question: &Question, edns: bool) -> Result<Answer, Failure> {
    let mut stream = TcpStream::connect(server).await.map_err(of_stream)?;
    converse(&mut stream, question, edns).await
}

/// What a stream that failed means.
pub(super) fn of_stream(error: std::io::Error) -> Failure {
    match error.kind() {
        std::io::ErrorKind::UnexpectedEof => malformed(Malformation::Unfinished),
        _ => Failure::of_socket(&error),
    }
}

/// One question and its answer on an open stream.
pub(super) async fn converse(
    stream: &mut (impl AsyncRead + AsyncWrite + Unpin),
    question: &Question,
    edns: bool,
) -> Result<Answer, Failure> {
    let id = random_id();
    let message = question.encode(id, edns).map_err(malformed)?;
    let length = u16::try_from(message.len()).map_err(|_| malformed(Malformation::Unencodable))?;
    // RFC 7766 8: length and message in one segment
    let framed = [&length.to_be_bytes()[..], &message].concat();
    stream.write_all(&framed).await.map_err(of_stream)?;
    let length = stream.read_u16().await.map_err(of_stream)?;
    let mut octets = vec![0; usize::from(length)];
    stream.read_exact(&mut octets).await.map_err(of_stream)?;
    undivided(&octets, id, question)
}
