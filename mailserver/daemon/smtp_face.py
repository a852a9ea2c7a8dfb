"""SMTP: mail from other servers, and from our users."""

from collections.abc import Sequence

from mailserver.auth.admission import Admission
from mailserver.daemon import contacts
from mailserver.daemon.correspondence import Correspondence
from mailserver.daemon.house import House
from mailserver.daemon.report_stage import ReportStage
from mailserver.delivery.arriving import Stage
from mailserver.delivery.deliver import LocalDelivery
from mailserver.delivery.refusals import Refusals
from mailserver.delivery.submission import Submission
from mailserver.dkim.sign import Signer
from mailserver.smtp.faces import SmtpRole
from mailserver.smtp.server import SmtpServer


def build(house: House, signer: Signer, letters: Correspondence, stages: Sequence[Stage] = ()) -> None:
    config, clock, store = house.config, house.clock, house.store
    refusals = Refusals(store, house.metrics)
    house.closing.push_async_callback(refusals.close)
    hostname = config.server.hostname
    limits = config.smtp, config.delivery, config.queue
    reports = ReportStage(store, config.tls_reports)
    delivery = LocalDelivery(
        store,
        clock,
        hostname,
        *limits,
        stages=(reports, *stages),
        forwards=letters.forwarding,
        notifier=letters.notices,
        bounces=config.bounces,
        marks=letters.marks,
    )
    submission = Submission(
        store,
        clock,
        hostname,
        *limits,
        signer,
        submission=config.submission,
        notifier=letters.notices,
        collector=contacts.collecting(house),
    )
    admission = Admission(config.smtp)
    house.faces.add(_server(house, SmtpRole.MX, delivery, refusals, admission), "smtp")
    house.faces.add(_server(house, SmtpRole.SUBMISSION, submission, refusals, admission), "submission", "submissions")
    house.take_up.extend(
        [
            lambda new: delivery.reports.reconfigure(new.bounces),
            lambda new: submission.configure(new.submission),
            lambda new: reports.reconfigure(new.tls_reports),
        ]
    )


def _server(
    house: House, role: SmtpRole, service: LocalDelivery | Submission, refusals: Refusals, admission: Admission
) -> SmtpServer:
    config = house.config
    server = SmtpServer(
        role,
        config.smtp,
        config.server.hostname,
        house.store,
        service,
        house.authenticator,
        house.live,
        refusals,
        house.clock,
        house.tls,
        admission,
        house.metrics,
    )
    house.take_up.extend(
        [
            lambda new: service.reconfigure(new.smtp, new.delivery, new.queue),
            lambda new: server.reconfigure(new.smtp),
        ]
    )
    return server
