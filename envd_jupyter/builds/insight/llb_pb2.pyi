from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from typing import ClassVar as _ClassVar, Iterable as _Iterable, Mapping as _Mapping, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Definition(_message.Message):
    __slots__ = ("operations", "metadata")
    class MetadataEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: Metadata
        def __init__(self, key: _Optional[str] = ..., value: _Optional[_Union[Metadata, _Mapping]] = ...) -> None: ...
    OPERATIONS_FIELD_NUMBER: _ClassVar[int]
    METADATA_FIELD_NUMBER: _ClassVar[int]
    operations: _containers.RepeatedScalarFieldContainer[bytes]
    metadata: _containers.MessageMap[str, Metadata]
    def __init__(self, operations: _Optional[_Iterable[bytes]] = ..., metadata: _Optional[_Mapping[str, Metadata]] = ...) -> None: ...

class Metadata(_message.Message):
    __slots__ = ("ignore_cache", "description")
    class DescriptionEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    IGNORE_CACHE_FIELD_NUMBER: _ClassVar[int]
    DESCRIPTION_FIELD_NUMBER: _ClassVar[int]
    ignore_cache: bool
    description: _containers.ScalarMap[str, str]
    def __init__(self, ignore_cache: bool = ..., description: _Optional[_Mapping[str, str]] = ...) -> None: ...

class Operation(_message.Message):
    __slots__ = ("inputs", "exec", "source", "file", "nested", "merge", "diff", "platform", "constraints")
    INPUTS_FIELD_NUMBER: _ClassVar[int]
    EXEC_FIELD_NUMBER: _ClassVar[int]
    SOURCE_FIELD_NUMBER: _ClassVar[int]
    FILE_FIELD_NUMBER: _ClassVar[int]
    NESTED_FIELD_NUMBER: _ClassVar[int]
    MERGE_FIELD_NUMBER: _ClassVar[int]
    DIFF_FIELD_NUMBER: _ClassVar[int]
    PLATFORM_FIELD_NUMBER: _ClassVar[int]
    CONSTRAINTS_FIELD_NUMBER: _ClassVar[int]
    inputs: _containers.RepeatedCompositeFieldContainer[Input]
    exec: Exec
    source: Source
    file: File
    nested: Nested
    merge: Merge
    diff: Diff
    platform: Platform
    constraints: Constraints
    def __init__(self, inputs: _Optional[_Iterable[_Union[Input, _Mapping]]] = ..., exec: _Optional[_Union[Exec, _Mapping]] = ..., source: _Optional[_Union[Source, _Mapping]] = ..., file: _Optional[_Union[File, _Mapping]] = ..., nested: _Optional[_Union[Nested, _Mapping]] = ..., merge: _Optional[_Union[Merge, _Mapping]] = ..., diff: _Optional[_Union[Diff, _Mapping]] = ..., platform: _Optional[_Union[Platform, _Mapping]] = ..., constraints: _Optional[_Union[Constraints, _Mapping]] = ...) -> None: ...

class Input(_message.Message):
    __slots__ = ("digest", "index")
    DIGEST_FIELD_NUMBER: _ClassVar[int]
    INDEX_FIELD_NUMBER: _ClassVar[int]
    digest: str
    index: int
    def __init__(self, digest: _Optional[str] = ..., index: _Optional[int] = ...) -> None: ...

class Platform(_message.Message):
    __slots__ = ("architecture", "os", "variant", "os_version")
    ARCHITECTURE_FIELD_NUMBER: _ClassVar[int]
    OS_FIELD_NUMBER: _ClassVar[int]
    VARIANT_FIELD_NUMBER: _ClassVar[int]
    OS_VERSION_FIELD_NUMBER: _ClassVar[int]
    architecture: str
    os: str
    variant: str
    os_version: str
    def __init__(self, architecture: _Optional[str] = ..., os: _Optional[str] = ..., variant: _Optional[str] = ..., os_version: _Optional[str] = ...) -> None: ...

class Constraints(_message.Message):
    __slots__ = ("filters",)
    FILTERS_FIELD_NUMBER: _ClassVar[int]
    filters: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, filters: _Optional[_Iterable[str]] = ...) -> None: ...

class Source(_message.Message):
    __slots__ = ("identifier", "attrs")
    class AttrsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    IDENTIFIER_FIELD_NUMBER: _ClassVar[int]
    ATTRS_FIELD_NUMBER: _ClassVar[int]
    identifier: str
    attrs: _containers.ScalarMap[str, str]
    def __init__(self, identifier: _Optional[str] = ..., attrs: _Optional[_Mapping[str, str]] = ...) -> None: ...

class Exec(_message.Message):
    __slots__ = ("process", "mounts", "network", "security", "secret_variables", "devices")
    PROCESS_FIELD_NUMBER: _ClassVar[int]
    MOUNTS_FIELD_NUMBER: _ClassVar[int]
    NETWORK_FIELD_NUMBER: _ClassVar[int]
    SECURITY_FIELD_NUMBER: _ClassVar[int]
    SECRET_VARIABLES_FIELD_NUMBER: _ClassVar[int]
    DEVICES_FIELD_NUMBER: _ClassVar[int]
    process: Process
    mounts: _containers.RepeatedCompositeFieldContainer[Mount]
    network: int
    security: int
    secret_variables: _containers.RepeatedCompositeFieldContainer[SecretVariable]
    devices: _containers.RepeatedCompositeFieldContainer[Device]
    def __init__(self, process: _Optional[_Union[Process, _Mapping]] = ..., mounts: _Optional[_Iterable[_Union[Mount, _Mapping]]] = ..., network: _Optional[int] = ..., security: _Optional[int] = ..., secret_variables: _Optional[_Iterable[_Union[SecretVariable, _Mapping]]] = ..., devices: _Optional[_Iterable[_Union[Device, _Mapping]]] = ...) -> None: ...

class Process(_message.Message):
    __slots__ = ("arguments", "environment", "directory", "user", "proxy", "hosts", "host_name", "limits", "cgroup_parent", "exit_codes")
    ARGUMENTS_FIELD_NUMBER: _ClassVar[int]
    ENVIRONMENT_FIELD_NUMBER: _ClassVar[int]
    DIRECTORY_FIELD_NUMBER: _ClassVar[int]
    USER_FIELD_NUMBER: _ClassVar[int]
    PROXY_FIELD_NUMBER: _ClassVar[int]
    HOSTS_FIELD_NUMBER: _ClassVar[int]
    HOST_NAME_FIELD_NUMBER: _ClassVar[int]
    LIMITS_FIELD_NUMBER: _ClassVar[int]
    CGROUP_PARENT_FIELD_NUMBER: _ClassVar[int]
    EXIT_CODES_FIELD_NUMBER: _ClassVar[int]
    arguments: _containers.RepeatedScalarFieldContainer[str]
    environment: _containers.RepeatedScalarFieldContainer[str]
    directory: str
    user: str
    proxy: Proxy
    hosts: _containers.RepeatedCompositeFieldContainer[Host]
    host_name: str
    limits: _containers.RepeatedCompositeFieldContainer[Limit]
    cgroup_parent: str
    exit_codes: _containers.RepeatedScalarFieldContainer[int]
    def __init__(self, arguments: _Optional[_Iterable[str]] = ..., environment: _Optional[_Iterable[str]] = ..., directory: _Optional[str] = ..., user: _Optional[str] = ..., proxy: _Optional[_Union[Proxy, _Mapping]] = ..., hosts: _Optional[_Iterable[_Union[Host, _Mapping]]] = ..., host_name: _Optional[str] = ..., limits: _Optional[_Iterable[_Union[Limit, _Mapping]]] = ..., cgroup_parent: _Optional[str] = ..., exit_codes: _Optional[_Iterable[int]] = ...) -> None: ...

class Proxy(_message.Message):
    __slots__ = ("http", "https", "ftp", "none", "all")
    HTTP_FIELD_NUMBER: _ClassVar[int]
    HTTPS_FIELD_NUMBER: _ClassVar[int]
    FTP_FIELD_NUMBER: _ClassVar[int]
    NONE_FIELD_NUMBER: _ClassVar[int]
    ALL_FIELD_NUMBER: _ClassVar[int]
    http: str
    https: str
    ftp: str
    none: str
    all: str
    def __init__(self, http: _Optional[str] = ..., https: _Optional[str] = ..., ftp: _Optional[str] = ..., none: _Optional[str] = ..., all: _Optional[str] = ...) -> None: ...

class Host(_message.Message):
    __slots__ = ("name", "address")
    NAME_FIELD_NUMBER: _ClassVar[int]
    ADDRESS_FIELD_NUMBER: _ClassVar[int]
    name: str
    address: str
    def __init__(self, name: _Optional[str] = ..., address: _Optional[str] = ...) -> None: ...

class Limit(_message.Message):
    __slots__ = ("name", "soft", "hard")
    NAME_FIELD_NUMBER: _ClassVar[int]
    SOFT_FIELD_NUMBER: _ClassVar[int]
    HARD_FIELD_NUMBER: _ClassVar[int]
    name: str
    soft: int
    hard: int
    def __init__(self, name: _Optional[str] = ..., soft: _Optional[int] = ..., hard: _Optional[int] = ...) -> None: ...

class SecretVariable(_message.Message):
    __slots__ = ("id", "name")
    ID_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    id: str
    name: str
    def __init__(self, id: _Optional[str] = ..., name: _Optional[str] = ...) -> None: ...

class Device(_message.Message):
    __slots__ = ("name",)
    NAME_FIELD_NUMBER: _ClassVar[int]
    name: str
    def __init__(self, name: _Optional[str] = ...) -> None: ...

class Mount(_message.Message):
    __slots__ = ("input", "selector", "destination", "output", "readonly", "type", "cache", "secret", "ssh", "content_cache")
    INPUT_FIELD_NUMBER: _ClassVar[int]
    SELECTOR_FIELD_NUMBER: _ClassVar[int]
    DESTINATION_FIELD_NUMBER: _ClassVar[int]
    OUTPUT_FIELD_NUMBER: _ClassVar[int]
    READONLY_FIELD_NUMBER: _ClassVar[int]
    TYPE_FIELD_NUMBER: _ClassVar[int]
    CACHE_FIELD_NUMBER: _ClassVar[int]
    SECRET_FIELD_NUMBER: _ClassVar[int]
    SSH_FIELD_NUMBER: _ClassVar[int]
    CONTENT_CACHE_FIELD_NUMBER: _ClassVar[int]
    input: int
    selector: str
    destination: str
    output: int
    readonly: bool
    type: int
    cache: CacheMount
    secret: Identified
    ssh: Identified
    content_cache: int
    def __init__(self, input: _Optional[int] = ..., selector: _Optional[str] = ..., destination: _Optional[str] = ..., output: _Optional[int] = ..., readonly: bool = ..., type: _Optional[int] = ..., cache: _Optional[_Union[CacheMount, _Mapping]] = ..., secret: _Optional[_Union[Identified, _Mapping]] = ..., ssh: _Optional[_Union[Identified, _Mapping]] = ..., content_cache: _Optional[int] = ...) -> None: ...

class CacheMount(_message.Message):
    __slots__ = ("id", "sharing")
    ID_FIELD_NUMBER: _ClassVar[int]
    SHARING_FIELD_NUMBER: _ClassVar[int]
    id: str
    sharing: int
    def __init__(self, id: _Optional[str] = ..., sharing: _Optional[int] = ...) -> None: ...

class Identified(_message.Message):
    __slots__ = ("id",)
    ID_FIELD_NUMBER: _ClassVar[int]
    id: str
    def __init__(self, id: _Optional[str] = ...) -> None: ...

class File(_message.Message):
    __slots__ = ("actions",)
    ACTIONS_FIELD_NUMBER: _ClassVar[int]
    actions: _containers.RepeatedCompositeFieldContainer[Action]
    def __init__(self, actions: _Optional[_Iterable[_Union[Action, _Mapping]]] = ...) -> None: ...

class Action(_message.Message):
    __slots__ = ("input", "second_input", "output", "copy", "make_file", "make_folder", "remove", "link")
    INPUT_FIELD_NUMBER: _ClassVar[int]
    SECOND_INPUT_FIELD_NUMBER: _ClassVar[int]
    OUTPUT_FIELD_NUMBER: _ClassVar[int]
    COPY_FIELD_NUMBER: _ClassVar[int]
    MAKE_FILE_FIELD_NUMBER: _ClassVar[int]
    MAKE_FOLDER_FIELD_NUMBER: _ClassVar[int]
    REMOVE_FIELD_NUMBER: _ClassVar[int]
    LINK_FIELD_NUMBER: _ClassVar[int]
    input: int
    second_input: int
    output: int
    copy: Copy
    make_file: MakeFile
    make_folder: MakeFolder
    remove: Remove
    link: Link
    def __init__(self, input: _Optional[int] = ..., second_input: _Optional[int] = ..., output: _Optional[int] = ..., copy: _Optional[_Union[Copy, _Mapping]] = ..., make_file: _Optional[_Union[MakeFile, _Mapping]] = ..., make_folder: _Optional[_Union[MakeFolder, _Mapping]] = ..., remove: _Optional[_Union[Remove, _Mapping]] = ..., link: _Optional[_Union[Link, _Mapping]] = ...) -> None: ...

class Copy(_message.Message):
    __slots__ = ("source", "destination", "owner", "mode", "follow_links", "only_contents", "unpack", "make_destination", "wildcard", "empty_wildcard", "timestamp", "included", "excluded")
    SOURCE_FIELD_NUMBER: _ClassVar[int]
    DESTINATION_FIELD_NUMBER: _ClassVar[int]
    OWNER_FIELD_NUMBER: _ClassVar[int]
    MODE_FIELD_NUMBER: _ClassVar[int]
    FOLLOW_LINKS_FIELD_NUMBER: _ClassVar[int]
    ONLY_CONTENTS_FIELD_NUMBER: _ClassVar[int]
    UNPACK_FIELD_NUMBER: _ClassVar[int]
    MAKE_DESTINATION_FIELD_NUMBER: _ClassVar[int]
    WILDCARD_FIELD_NUMBER: _ClassVar[int]
    EMPTY_WILDCARD_FIELD_NUMBER: _ClassVar[int]
    TIMESTAMP_FIELD_NUMBER: _ClassVar[int]
    INCLUDED_FIELD_NUMBER: _ClassVar[int]
    EXCLUDED_FIELD_NUMBER: _ClassVar[int]
    source: str
    destination: str
    owner: Owner
    mode: int
    follow_links: bool
    only_contents: bool
    unpack: bool
    make_destination: bool
    wildcard: bool
    empty_wildcard: bool
    timestamp: int
    included: _containers.RepeatedScalarFieldContainer[str]
    excluded: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, source: _Optional[str] = ..., destination: _Optional[str] = ..., owner: _Optional[_Union[Owner, _Mapping]] = ..., mode: _Optional[int] = ..., follow_links: bool = ..., only_contents: bool = ..., unpack: bool = ..., make_destination: bool = ..., wildcard: bool = ..., empty_wildcard: bool = ..., timestamp: _Optional[int] = ..., included: _Optional[_Iterable[str]] = ..., excluded: _Optional[_Iterable[str]] = ...) -> None: ...

class MakeFile(_message.Message):
    __slots__ = ("path", "mode", "content", "owner", "timestamp")
    PATH_FIELD_NUMBER: _ClassVar[int]
    MODE_FIELD_NUMBER: _ClassVar[int]
    CONTENT_FIELD_NUMBER: _ClassVar[int]
    OWNER_FIELD_NUMBER: _ClassVar[int]
    TIMESTAMP_FIELD_NUMBER: _ClassVar[int]
    path: str
    mode: int
    content: bytes
    owner: Owner
    timestamp: int
    def __init__(self, path: _Optional[str] = ..., mode: _Optional[int] = ..., content: _Optional[bytes] = ..., owner: _Optional[_Union[Owner, _Mapping]] = ..., timestamp: _Optional[int] = ...) -> None: ...

class MakeFolder(_message.Message):
    __slots__ = ("path", "mode", "parents", "owner", "timestamp")
    PATH_FIELD_NUMBER: _ClassVar[int]
    MODE_FIELD_NUMBER: _ClassVar[int]
    PARENTS_FIELD_NUMBER: _ClassVar[int]
    OWNER_FIELD_NUMBER: _ClassVar[int]
    TIMESTAMP_FIELD_NUMBER: _ClassVar[int]
    path: str
    mode: int
    parents: bool
    owner: Owner
    timestamp: int
    def __init__(self, path: _Optional[str] = ..., mode: _Optional[int] = ..., parents: bool = ..., owner: _Optional[_Union[Owner, _Mapping]] = ..., timestamp: _Optional[int] = ...) -> None: ...

class Remove(_message.Message):
    __slots__ = ("path", "may_be_missing", "wildcard")
    PATH_FIELD_NUMBER: _ClassVar[int]
    MAY_BE_MISSING_FIELD_NUMBER: _ClassVar[int]
    WILDCARD_FIELD_NUMBER: _ClassVar[int]
    path: str
    may_be_missing: bool
    wildcard: bool
    def __init__(self, path: _Optional[str] = ..., may_be_missing: bool = ..., wildcard: bool = ...) -> None: ...

class Link(_message.Message):
    __slots__ = ("target", "path", "owner")
    TARGET_FIELD_NUMBER: _ClassVar[int]
    PATH_FIELD_NUMBER: _ClassVar[int]
    OWNER_FIELD_NUMBER: _ClassVar[int]
    target: str
    path: str
    owner: Owner
    def __init__(self, target: _Optional[str] = ..., path: _Optional[str] = ..., owner: _Optional[_Union[Owner, _Mapping]] = ...) -> None: ...

class Owner(_message.Message):
    __slots__ = ("user", "group")
    USER_FIELD_NUMBER: _ClassVar[int]
    GROUP_FIELD_NUMBER: _ClassVar[int]
    user: Account
    group: Account
    def __init__(self, user: _Optional[_Union[Account, _Mapping]] = ..., group: _Optional[_Union[Account, _Mapping]] = ...) -> None: ...

class Account(_message.Message):
    __slots__ = ("name", "id")
    NAME_FIELD_NUMBER: _ClassVar[int]
    ID_FIELD_NUMBER: _ClassVar[int]
    name: NamedAccount
    id: int
    def __init__(self, name: _Optional[_Union[NamedAccount, _Mapping]] = ..., id: _Optional[int] = ...) -> None: ...

class NamedAccount(_message.Message):
    __slots__ = ("name", "input")
    NAME_FIELD_NUMBER: _ClassVar[int]
    INPUT_FIELD_NUMBER: _ClassVar[int]
    name: str
    input: int
    def __init__(self, name: _Optional[str] = ..., input: _Optional[int] = ...) -> None: ...

class Nested(_message.Message):
    __slots__ = ("attrs",)
    class AttrsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    ATTRS_FIELD_NUMBER: _ClassVar[int]
    attrs: _containers.ScalarMap[str, str]
    def __init__(self, attrs: _Optional[_Mapping[str, str]] = ...) -> None: ...

class Merge(_message.Message):
    __slots__ = ("inputs",)
    INPUTS_FIELD_NUMBER: _ClassVar[int]
    inputs: _containers.RepeatedCompositeFieldContainer[Index]
    def __init__(self, inputs: _Optional[_Iterable[_Union[Index, _Mapping]]] = ...) -> None: ...

class Diff(_message.Message):
    __slots__ = ("lower", "upper")
    LOWER_FIELD_NUMBER: _ClassVar[int]
    UPPER_FIELD_NUMBER: _ClassVar[int]
    lower: Index
    upper: Index
    def __init__(self, lower: _Optional[_Union[Index, _Mapping]] = ..., upper: _Optional[_Union[Index, _Mapping]] = ...) -> None: ...

class Index(_message.Message):
    __slots__ = ("input",)
    INPUT_FIELD_NUMBER: _ClassVar[int]
    input: int
    def __init__(self, input: _Optional[int] = ...) -> None: ...

class HistoryRequest(_message.Message):
    __slots__ = ("ref", "early_exit")
    REF_FIELD_NUMBER: _ClassVar[int]
    EARLY_EXIT_FIELD_NUMBER: _ClassVar[int]
    ref: str
    early_exit: bool
    def __init__(self, ref: _Optional[str] = ..., early_exit: bool = ...) -> None: ...

class HistoryEvent(_message.Message):
    __slots__ = ("type", "record")
    TYPE_FIELD_NUMBER: _ClassVar[int]
    RECORD_FIELD_NUMBER: _ClassVar[int]
    type: int
    record: HistoryRecord
    def __init__(self, type: _Optional[int] = ..., record: _Optional[_Union[HistoryRecord, _Mapping]] = ...) -> None: ...

class HistoryRecord(_message.Message):
    __slots__ = ("ref", "result", "results")
    class ResultsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: HistoryResult
        def __init__(self, key: _Optional[str] = ..., value: _Optional[_Union[HistoryResult, _Mapping]] = ...) -> None: ...
    REF_FIELD_NUMBER: _ClassVar[int]
    RESULT_FIELD_NUMBER: _ClassVar[int]
    RESULTS_FIELD_NUMBER: _ClassVar[int]
    ref: str
    result: HistoryResult
    results: _containers.MessageMap[str, HistoryResult]
    def __init__(self, ref: _Optional[str] = ..., result: _Optional[_Union[HistoryResult, _Mapping]] = ..., results: _Optional[_Mapping[str, HistoryResult]] = ...) -> None: ...

class HistoryResult(_message.Message):
    __slots__ = ("attestations",)
    ATTESTATIONS_FIELD_NUMBER: _ClassVar[int]
    attestations: _containers.RepeatedCompositeFieldContainer[Descriptor]
    def __init__(self, attestations: _Optional[_Iterable[_Union[Descriptor, _Mapping]]] = ...) -> None: ...

class Descriptor(_message.Message):
    __slots__ = ("media_type", "digest", "size", "annotations")
    class AnnotationsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    MEDIA_TYPE_FIELD_NUMBER: _ClassVar[int]
    DIGEST_FIELD_NUMBER: _ClassVar[int]
    SIZE_FIELD_NUMBER: _ClassVar[int]
    ANNOTATIONS_FIELD_NUMBER: _ClassVar[int]
    media_type: str
    digest: str
    size: int
    annotations: _containers.ScalarMap[str, str]
    def __init__(self, media_type: _Optional[str] = ..., digest: _Optional[str] = ..., size: _Optional[int] = ..., annotations: _Optional[_Mapping[str, str]] = ...) -> None: ...

class ReadRequest(_message.Message):
    __slots__ = ("digest", "offset", "size")
    DIGEST_FIELD_NUMBER: _ClassVar[int]
    OFFSET_FIELD_NUMBER: _ClassVar[int]
    SIZE_FIELD_NUMBER: _ClassVar[int]
    digest: str
    offset: int
    size: int
    def __init__(self, digest: _Optional[str] = ..., offset: _Optional[int] = ..., size: _Optional[int] = ...) -> None: ...

class ReadResponse(_message.Message):
    __slots__ = ("offset", "data")
    OFFSET_FIELD_NUMBER: _ClassVar[int]
    DATA_FIELD_NUMBER: _ClassVar[int]
    offset: int
    data: bytes
    def __init__(self, offset: _Optional[int] = ..., data: _Optional[bytes] = ...) -> None: ...
