"""Files that have been put into a case."""

from __future__ import annotations

from datetime import datetime

from pydantic import Field

from kjfh_workflow.web.answers.common import Answer


class AttachmentAnswer(Answer):
    """A file that somebody has put into a case."""

    id: int = Field(examples=[17])
    case: str = Field(examples=["yuyao-210301-7kq2mw"])
    name: str = Field(description="A plain file name, in NFC.", examples=["营业执照.pdf"])
    material: str = Field(
        description="Which of the policy pack's materials it is; empty for anything else.",
        examples=["operator_licence"],
    )
    material_label: str = Field(examples=["运营机构营业执照复印件"])
    sha256: str = Field(
        description="Of its content, hex; the ETag of its download.",
        examples=["9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"],
    )
    size: int = Field(description="In bytes.", examples=[482133])
    media_type: str = Field(description="As its own bytes say.", examples=["application/pdf"])
    attached_by: str = Field(
        description="The intranet's id of who attached it; an officer's is empty for operators.", examples=["op"]
    )
    attached_by_name: str = Field(examples=["余姚朝阳科技孵化器有限公司"])
    role: str = Field(description="As what.", examples=["applicant"])
    role_label: str = Field(examples=["申报单位"])
    attached_at: datetime
