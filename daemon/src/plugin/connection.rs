//! Frames over tokio. The blocking side of the same format is in `dns01-plugin-wire`.

use std::time::Duration;

use dns01_plugin_wire::{FrameError, HEADER, body_length, decode, encode};
use serde::{Serialize, de::DeserializeOwned};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{
        UnixStream,
        unix::{OwnedReadHalf, OwnedWriteHalf},
    },
    time::timeout,
};
use zeroize::Zeroizing;

/// A host reads all the time; one that does not for this long will not.
const WRITE: Duration = Duration::from_secs(2);

/// Reads frames. Waiting can be given up and taken up again: what was read is kept.
#[derive(Debug)]
pub struct Reader {
    half: OwnedReadHalf,
    header: [u8; HEADER],
    // `None` while the header is read
    body: Option<Zeroizing<Vec<u8>>>,
    filled: usize,
}

/// Writes frames.
#[derive(Debug)]
pub struct Writer(OwnedWriteHalf);

/// Both directions of a socket.
pub fn split(socket: UnixStream) -> (Reader, Writer) {
    let (read, write) = socket.into_split();
    (
        Reader {
            half: read,
            header: [0; HEADER],
            body: None,
            filled: 0,
        },
        Writer(write),
    )
}

impl Reader {
    /// The next message.
    ///
    /// # Errors
    /// Any [`FrameError`]; after one the stream is useless.
    pub async fn next<T: DeserializeOwned>(&mut self) -> Result<T, FrameError> {
        loop {
            let target = match &mut self.body {
                None => &mut self.header[..],
                Some(body) => &mut body[..],
            };
            if self.filled < target.len() {
                match self.half.read(&mut target[self.filled..]).await? {
                    0 if self.filled == 0 && self.body.is_none() => return Err(FrameError::Closed),
                    0 => return Err(FrameError::Truncated),
                    read => self.filled += read,
                }
                continue;
            }
            self.filled = 0;
            match self.body.take() {
                None => self.body = Some(Zeroizing::new(vec![0; body_length(self.header)?])),
                Some(body) => return decode(&body),
            }
        }
    }
}

impl Writer {
    /// Sends a message.
    ///
    /// # Errors
    /// [`FrameError::TooLong`], [`FrameError::Io`].
    pub async fn send<T: Serialize>(&mut self, message: &T) -> Result<(), FrameError> {
        let frame = encode(message)?;
        match timeout(WRITE, self.0.write_all(&frame)).await {
            Ok(result) => Ok(result?),
            Err(_) => Err(FrameError::Io(std::io::ErrorKind::TimedOut.into())),
        }
    }
}

#[cfg(test)]
mod tests {
    use dns01_plugin_wire::{FromHost, Greeting, Log};
    use tokio::io::AsyncWriteExt;

    use super::*;

    #[tokio::test]
    async fn a_frame_that_arrives_in_drops_survives_abandoned_waits() {
        let (ours, mut theirs) = UnixStream::pair().expect("sockets");
        let (mut reader, _writer) = split(ours);
        let frame = encode(&Greeting::ours()).expect("room");
        for byte in frame.iter() {
            let early = timeout(Duration::from_millis(1), reader.next::<Greeting>()).await;
            assert!(early.is_err(), "not there yet");
            theirs.write_all(&[*byte]).await.expect("room");
        }
        assert_eq!(
            reader.next::<Greeting>().await.expect("a greeting"),
            Greeting::ours()
        );
        drop(theirs);
        assert!(matches!(reader.next::<Greeting>().await, Err(FrameError::Closed)));
    }

    #[tokio::test]
    async fn a_stream_cut_inside_a_frame_is_truncated_and_a_long_one_refused() {
        for (bytes, long) in [
            (&[9, 0, 0, 0][..], false),
            (&[9, 0, 0, 0, b'{'], false),
            (&[255; 4], true),
        ] {
            let (ours, mut theirs) = UnixStream::pair().expect("sockets");
            let (mut reader, _writer) = split(ours);
            theirs.write_all(bytes).await.expect("room");
            drop(theirs);
            match reader.next::<FromHost>().await {
                Err(FrameError::TooLong(_)) if long => {}
                Err(FrameError::Truncated) if !long => {}
                other => panic!("{other:?}"),
            }
        }
    }

    #[tokio::test]
    async fn a_host_that_reads_nothing_does_not_block_us_for_ever() {
        let (ours, _theirs) = UnixStream::pair().expect("sockets");
        let (_reader, mut writer) = split(ours);
        let log = FromHost::Log(Log {
            level: 1,
            call: None,
            text: "x".repeat(4 << 20),
        });
        assert!(matches!(writer.send(&log).await, Err(FrameError::Io(_))));
    }
}
