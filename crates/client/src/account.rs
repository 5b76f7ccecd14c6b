//! Lines of work, statements, ratings, and figures about partners.

use bytes::Bytes;
use deskwire_api_types::{
    Action, ApproveWork, Delegation, DisputeWork, ExportFormat, NewWork, PartnerReport, ProposeStatement,
    Rate, ReportQuery, StatementDetail, StatementExportQuery, StatementList, WorkList,
};

use crate::{Client, Error, query::Path};

impl Client {
    /// `GET /v1/delegations/{id}/work`: the lines of work of a delegation.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn work(&self, id: &str) -> Result<WorkList, Error> {
        self.get(Path::new("delegations").id(id).word("work")).await
    }

    /// `POST /v1/delegations/{id}/work`; contractor: adds a line of work.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn add_work(&self, id: &str, body: &NewWork) -> Result<WorkList, Error> {
        self.post(Path::new("delegations").id(id).word("work"), body).await
    }

    /// `POST /v1/delegations/{id}/work/approve`; principal: agrees to a line of work.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn approve_work(&self, id: &str, body: &ApproveWork) -> Result<WorkList, Error> {
        self.post(Path::new("delegations").id(id).word("work/approve"), body).await
    }

    /// `POST /v1/delegations/{id}/work/dispute`; principal: does not agree to a line of work.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn dispute_work(&self, id: &str, body: &DisputeWork) -> Result<WorkList, Error> {
        self.post(Path::new("delegations").id(id).word("work/dispute"), body).await
    }

    /// `POST /v1/delegations/{id}/rate`; principal: rates the work that it confirmed.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn rate(&self, id: &str, body: &Rate) -> Result<Delegation, Error> {
        self.post(Path::new("delegations").id(id).word(Action::Rate.as_str()), body).await
    }

    /// `GET /v1/links/{link}/statements`: the statements of a link, newest first.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn statements(&self, link: &str) -> Result<StatementList, Error> {
        self.get(Path::new("links").id(link).word("statements")).await
    }

    /// `POST /v1/links/{link}/statements`: proposes a statement over what is settled now.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn propose_statement(
        &self,
        link: &str,
        body: &ProposeStatement,
    ) -> Result<StatementDetail, Error> {
        self.post(Path::new("links").id(link).word("statements"), body).await
    }

    /// `GET /v1/statements/{id}`: one statement with its lines.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn statement(&self, id: &str) -> Result<StatementDetail, Error> {
        self.get(Path::new("statements").id(id)).await
    }

    /// `POST /v1/statements/{id}/sign`: signs a statement of the partner, if this desk comes to the same one.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn sign_statement(&self, id: &str) -> Result<StatementDetail, Error> {
        self.post_nothing(Path::new("statements").id(id).word("sign")).await
    }

    /// `GET /v1/statements/{id}/export`: a statement as CSV, JSON or a page to print.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn export_statement(&self, id: &str, query: &StatementExportQuery) -> Result<Bytes, Error> {
        let path = Path::new("statements")
            .id(id)
            .word("export")
            .ask("format", query.format.map(ExportFormat::as_str))
            .ask("language", query.language.map(|language| language.as_str()));
        self.get_bytes(path).await
    }

    /// `GET /v1/reports/partners`: figures about partners over a period.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn partner_report(&self, query: &ReportQuery) -> Result<PartnerReport, Error> {
        self.get(report(query, None)).await
    }

    /// `GET /v1/reports/partners` as CSV.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn partner_report_csv(&self, query: &ReportQuery) -> Result<Bytes, Error> {
        self.get_bytes(report(query, Some(ExportFormat::Csv))).await
    }
}

fn report(query: &ReportQuery, format: Option<ExportFormat>) -> Path {
    Path::new("reports/partners")
        .ask("from", query.from)
        .ask("to", query.to)
        .ask("link", query.link.as_ref())
        .ask("format", format.map(ExportFormat::as_str))
}
