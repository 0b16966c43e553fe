//! BIND 9 on an address of the test's own, found by other servers on the port that all of them share.

use std::{
    net::{Ipv4Addr, SocketAddr},
    time::Duration,
};

use dns01d::types::DnsName;
use hickory_proto::{
    op::{Message, MessageType, OpCode, Query, ResponseCode},
    rr::{Name, RData, Record, RecordType, rdata::TXT},
};
use lab::{
    dns::ask,
    loopback::{Passes, Relay},
    named::Named as Process,
};
use tokio::{net::UdpSocket, time::timeout};

/// A zone for [`Named::start`].
pub enum Zone<'a> {
    /// Apex and records below an SOA and `$TTL 60`; updates from loopback are taken.
    Primary(&'a str, String),
    /// A secondary that looks for changes once in two seconds and hears no NOTIFY.
    Secondary(&'a str, SocketAddr),
    /// For a recursive server: who is asked about a zone.
    Forward(&'a str, SocketAddr),
}

/// A running name server.
pub struct Named {
    process: Process,
    _relay: Relay,
}

impl Named {
    /// Starts `named`, reachable on `address`, and waits until it answers.
    pub async fn start(address: SocketAddr, zones: &[Zone<'_>]) -> Named {
        let recursive = zones.iter().any(|zone| matches!(zone, Zone::Forward(..)));
        let options = format!(
            "recursion {}; check-names primary ignore; min-refresh-time 2; max-refresh-time 2; \
             serial-query-rate 100;",
            if recursive { "yes" } else { "no" },
        );
        let mut statements = String::new();
        let mut files = Vec::new();
        for (n, zone) in zones.iter().enumerate() {
            let file = format!("zone{n}");
            statements += &match zone {
                Zone::Primary(apex, records) => {
                    let soa = format!("$TTL 60\n@ IN SOA ns.{apex}. admin.{apex}. 1 3600 600 86400 60\n");
                    files.push((file.clone(), soa + records + "\n"));
                    format!(
                        "zone \"{apex}\" {{ type primary; file \"{file}\"; allow-update {{ 127.0.0.0/8; }}; \
                         allow-transfer {{ any; }}; }};\n"
                    )
                }
                Zone::Secondary(apex, primary) => format!(
                    "zone \"{apex}\" {{ type secondary; file \"{file}\"; primaries port {} {{ {}; }}; }};\n",
                    primary.port(),
                    primary.ip(),
                ),
                Zone::Forward(apex, to) => format!(
                    "zone \"{apex}\" {{ type forward; forward only; forwarders port {} {{ {}; }}; }};\n",
                    to.port(),
                    to.ip(),
                ),
            };
        }
        let apexes: Vec<&str> = zones
            .iter()
            .map(|zone| match zone {
                Zone::Primary(apex, _) | Zone::Secondary(apex, _) | Zone::Forward(apex, _) => *apex,
            })
            .collect();
        let files: Vec<(&str, &str)> = files
            .iter()
            .map(|(file, text)| (file.as_str(), text.as_str()))
            .collect();
        let process = Process::start(apexes[0], &options, &statements, &files)
            .await
            .expect("named: `./dev setup` installs it");
        for apex in apexes {
            serves(&process, apex).await;
        }
        let relay = Relay::start(address, process.addr(), Passes::Everything).await;
        Named {
            process,
            _relay: relay.expect("a free address"),
        }
    }

    /// Where other servers find this one.
    pub fn direct(&self) -> SocketAddr {
        self.process.addr()
    }

    /// The names asked of this server, lower case, in order.
    pub fn asked(&self) -> Vec<String> {
        self.process.asked().into_iter().map(|asked| asked.name).collect()
    }

    /// Adds a TXT value by an RFC 2136 update; returns once the server has acknowledged it, with no program's end to
    /// wait for: moments are measured from here.
    pub async fn publish(&self, zone: &str, owner: &DnsName, value: &str) {
        let name = |text: &str| Name::from_ascii(format!("{text}.")).expect("a name");
        let id = 7;
        let mut update = Message::new(id, MessageType::Query, OpCode::Update);
        update.add_query(Query::query(name(zone), RecordType::SOA));
        let text = RData::TXT(TXT::new(vec![value.to_owned()]));
        update.add_authority(Record::from_rdata(name(owner.as_str()), 60, text));
        let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).await.expect("a port");
        socket.connect(self.direct()).await.expect("connected");
        socket
            .send(&update.to_vec().expect("a message"))
            .await
            .expect("sent");
        let mut buffer = [0; 512];
        let received = timeout(Duration::from_secs(5), socket.recv(&mut buffer)).await;
        let length = received
            .expect("an acknowledgement in time")
            .expect("an acknowledgement");
        let answer = Message::from_vec(&buffer[..length]).expect("a message");
        assert_eq!(answer.metadata.response_code, ResponseCode::NoError);
    }
}

/// Waits until it does.
async fn serves(process: &Process, apex: &str) {
    for _ in 0..400 {
        let answer = ask(process.addr(), apex, RecordType::SOA).await;
        if answer.is_ok_and(|answer| answer.metadata.response_code == ResponseCode::NoError) {
            return;
        }
        tokio::time::sleep(Duration::from_millis(25)).await;
    }
    panic!("named does not serve {apex}: {}", process.log());
}
