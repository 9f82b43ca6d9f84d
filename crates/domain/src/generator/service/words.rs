//! What customers ask for, and what they are told. All of it is invented.

/// The ids of the request types.
pub(super) mod request_type {
    pub(in super::super) const HELP: &str = "1";
    pub(in super::super) const PROBLEM: &str = "2";
    pub(in super::super) const HARDWARE: &str = "3";
    pub(in super::super) const ACCESS: &str = "4";
    pub(in super::super) const ONBOARDING: &str = "5";
    pub(in super::super) const EMAILED: &str = "6";
}

/// Something that is asked for.
pub(super) struct Topic {
    pub(super) request_type: &'static str,
    pub(super) summary: &'static str,
    pub(super) description: &'static str,
    /// What an agent asks back.
    pub(super) question: &'static str,
    /// What the customer says to that.
    pub(super) reply: &'static str,
    /// What agents say among themselves.
    pub(super) note: &'static str,
    /// What the customer is told at the end.
    pub(super) answer: &'static str,
}

pub(super) const TOPICS: [Topic; 12] = [
    Topic {
        request_type: request_type::HELP,
        summary: "Cannot print on the third floor",
        description: "The printer next to the kitchen takes my jobs and prints nothing. Others have the same trouble since this morning.",
        question: "Could you tell us the number on the sticker of the printer?",
        reply: "It says PR-0317.",
        note: "Spooler was full again, third time this month.",
        answer: "We restarted the print queue. Your jobs should come out now.",
    },
    Topic {
        request_type: request_type::HELP,
        summary: "Calendar shows meetings an hour late",
        description: "Since I came back from my trip all meetings are shown one hour late on my laptop, but not on my phone.",
        question: "Which time zone does your laptop show under Settings, Time?",
        reply: "Lisbon, although I am in Berlin again.",
        note: "Same as last week: the automatic time zone is switched off by the old image.",
        answer: "We switched the automatic time zone on. Your meetings are where they belong again.",
    },
    Topic {
        request_type: request_type::HELP,
        summary: "Password manager does not open",
        description: "It asks for a licence key that I do not have.",
        question: "Did you sign in with your company account?",
        reply: "Yes, and it says that my account has no licence.",
        note: "Licences of the team ran out on Friday.",
        answer: "You have a licence now. Please sign out and in again.",
    },
    Topic {
        request_type: request_type::HELP,
        summary: "No sound in video calls",
        description: "People hear me, but I do not hear them. It worked last week.",
        question: "Does sound work in the browser, for example in a video?",
        reply: "Yes, only calls are silent.",
        note: "Driver 31.0.101 has this problem, roll it back.",
        answer: "We put the audio driver back to the version before. Please try another call.",
    },
    Topic {
        request_type: request_type::PROBLEM,
        summary: "The order system is very slow",
        description: "Saving an order takes more than a minute since 9 o'clock. All stores in the north are affected.",
        question: "Do all orders take that long, or only those with many lines?",
        reply: "All of them, even with one line.",
        note: "Index of the order table was rebuilt during business hours. Change record is missing.",
        answer: "The database is fast again. Orders that were saved twice were put right.",
    },
    Topic {
        request_type: request_type::PROBLEM,
        summary: "VPN drops every few minutes",
        description: "I am disconnected every five to ten minutes and have to sign in again each time.",
        question: "Are you on a wired connection or on Wi-Fi?",
        reply: "Wi-Fi at home, but it is the same with a cable.",
        note: "Gateway 2 sends keepalives too seldom since the update.",
        answer: "We changed a setting of the gateway. The connection should be stable now.",
    },
    Topic {
        request_type: request_type::PROBLEM,
        summary: "Scanners at gate 4 are offline",
        description: "None of the hand scanners at gate 4 connects. We write everything down on paper.",
        question: "Is the light of the access point above the gate green or red?",
        reply: "It is off.",
        note: "Power supply of the switch in cabinet 12 is broken, spare one is on stock.",
        answer: "The power supply was replaced and all scanners are online.",
    },
    Topic {
        request_type: request_type::HARDWARE,
        summary: "A second monitor for my desk",
        description: "I compare invoices with orders all day and it would be a lot faster with two screens.",
        question: "Would 24 inches do, or do you need 27?",
        reply: "24 inches are fine.",
        note: "Two are left on stock.",
        answer: "Your monitor is on your desk. Please tell us if a cable is missing.",
    },
    Topic {
        request_type: request_type::HARDWARE,
        summary: "New laptop, the old one is falling apart",
        description: "The hinge is broken and the battery lasts twenty minutes.",
        question: "Which size do you want, 13 or 15 inches?",
        reply: "13, I travel a lot.",
        note: "It is five years old, so it would be due anyway.",
        answer: "Your new laptop is ready at the help desk, room 1.04.",
    },
    Topic {
        request_type: request_type::ACCESS,
        summary: "Access to the reporting database",
        description: "I take over the monthly report from a colleague who leaves at the end of the month.",
        question: "Do you need to write, or is reading enough?",
        reply: "Reading is enough.",
        note: "Role report_reader, end date in one year.",
        answer: "You can sign in with your usual account. You will find the address in the handbook.",
    },
    Topic {
        request_type: request_type::ONBOARDING,
        summary: "Two new colleagues in accounting",
        description: "Both need a laptop, an account for the ledger and a badge.",
        question: "Will they share an office, or work from home?",
        reply: "They share office 2.11.",
        note: "Badges take three days at the moment.",
        answer: "Everything is prepared. The badges are at the reception.",
    },
    Topic {
        request_type: request_type::EMAILED,
        summary: "Fwd: your mailbox is almost full",
        description: "Is this message real? I do not want to click on anything.",
        question: "Could you forward us the message as an attachment?",
        reply: "Done.",
        note: "Phishing, sender blocked for everybody.",
        answer: "Thank you for asking! It was not real, and nobody gets it any more.",
    },
];
